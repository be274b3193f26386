/**
 * Reads the headers of a tar stream, in any POSIX awk, and prints what busybox's tar does not do by itself:
 *   patch OFFSET LENGTH BYTES            what to write there, as escapes of printf: sizes from 8 GiB on and large owners, which
 *                                        Go writes into an extended header only, and that tar passes over
 *   entry KIND OWNER GROUP TIME NAME|    of folders (5) and links (2), whose times and owners it does not keep
 *   refuse NAME                          one that leads out of the archive
 *   end                                  it came to the end, or to what tar reads by itself and this does not
 * A line of its input is a block of 512 bytes, in which \\001 stands for zero and \\002 for a line end.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html for the formats
 */
export const scanHeaders = String.raw`
function field(at, size,   text) {
  text = substr(block, at, size)
  sub(/\001.*/, "", text)
  return text
}
function octal(text,   value, i) {
  gsub(/[^0-7]/, "", text)
  value = 0
  for (i = 1; i <= length(text); i++) value = value * 8 + substr(text, i, 1)
  return value
}
function escape(byte) {
  sum += byte
  return sprintf("\\0%03o", byte)
}
# In octal digits, or in base 256 where they do not suffice.
function number(value, width, limit,   text, i, base) {
  base = value < limit ? 8 : 256
  text = base == 8 ? escape(0) : ""
  for (i = 1; i < width; i++) {
    text = escape(value % base + (base == 8 ? 48 : 0)) text
    value = int(value / base)
  }
  return base == 8 ? text : escape(128) text
}
function sumOf(text,   total, i, c) {
  total = 0
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    total += c == "\001" ? 0 : c == " " ? 32 : 48 + c
  }
  return total
}
function readRecords(text,   size, record, at, key) {
  while (text != "") {
    size = text + 0
    if (size < 5) return
    record = substr(text, 1, size - 1)
    text = substr(text, size + 1)
    sub(/^[0-9]+ /, "", record)
    at = index(record, "=")
    key = substr(record, 1, at - 1)
    if (key ~ /path$/ || substr(record, at + 1) ~ /^[0-9]+$/) extended[key] = substr(record, at + 1)
  }
}
function leadsOut(path) { return path ~ /(^|\/)\.\.(\/|$)/ }
function has(key) { return key in extended }
function patch(   changed, text) {
  sum = 0
  text = number(has("uid") ? extended["uid"] : octal(field(109, 8)), 8, 2097152)
  text = text number(has("gid") ? extended["gid"] : octal(field(117, 8)), 8, 2097152)
  text = text number(content, 12, 8589934592)
  print "patch", start + 108, 28, text
  changed = octal(field(149, 8)) - sumOf(substr(block, 109, 28)) + sum
  print "patch", start + 148, 8, number(changed, 7, 2097152) escape(32)
}
function end() {
  ended = 1
  print "end"
}
{
  block = $0
  start = at
  at += 512
}
ended { next }
left > 0 {
  if (reading != "") data = data substr(block, 1, left)
  left -= 512
  if (left <= 0 && reading == "x") readRecords(data)
  if (left <= 0 && reading ~ /[LK]/) {
    sub(/\001.*/, "", data)
    extended[reading == "L" ? "path" : "linkpath"] = data
  }
  next
}
block ~ /^\001*$/ {
  zeros++
  if (zeros == 2) end()
  next
}
{
  zeros = 0
  type = substr(block, 157, 1)
  if (substr(block, 109, 40) !~ /^[0-7 \001]*$/) {
    # In base 256.
    end()
    next
  }
  content = octal(field(125, 12))
  if (type ~ /[xgLK]/) {
    reading = type
    data = ""
    left = content
    next
  }
  reading = ""
  name = field(1, 100)
  if (substr(block, 258, 6) == "ustar\001" && field(346, 155) != "") name = field(346, 155) "/" name
  if (has("path")) name = extended["path"]
  if (has("size")) content = extended["size"] + 0
  if (leadsOut(name)) print "refuse", name
  link = has("linkpath") ? extended["linkpath"] : field(158, 100)
  if (type == "1" && (leadsOut(link) || link ~ /^\//)) print "refuse", link
  if (has("size") || has("uid") || has("gid")) patch()
  if ((type == "5" || type == "2") && name !~ /[\001-\037\177]/) {
    print "entry", type, octal(field(109, 8)), octal(field(117, 8)), octal(field(137, 12)), name "|"
  }
  left = type ~ /[1-6]/ ? 0 : content
  split("", extended)
}
`;
