#!/bin/sh
# CONTRACT DOUBLE of offen/docker-volume-backup v2: its program `backup`, for labs that cannot pull the real image.
# Variables and defaults: https://offen.github.io/docker-volume-backup/reference (v2.48). It does the real thing with one
# archive: tar, upload to S3 and to the local archive, pruning, in the same order and with the same exit codes. It is
# stricter than the real one: what that ignores in silence (an unknown variable, a secret file that is not there), and
# what that can do and this cannot, fails.
set -eu
tools=/usr/lib/offen-double

log() { printf 'time=%s level=%s msg="%s"\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2"; }
fail() {
  log ERROR "Fatal error running command: $1"
  exit 1
}

echo '*** CONTRACT DOUBLE of offen/docker-volume-backup: this is NOT the real program ***' >&2

# Name, kind, default. Kinds: what the real program parses the value as; `-` = the double cannot, so it must be empty.
variables='
AWS_ACCESS_KEY_ID text
AWS_ENDPOINT text s3.amazonaws.com
AWS_ENDPOINT_CA_CERT text
AWS_ENDPOINT_INSECURE bool
AWS_ENDPOINT_PROTO text https
AWS_IAM_ROLE_ENDPOINT -
AWS_PART_SIZE int
AWS_S3_BUCKET_NAME text
AWS_S3_PATH text
AWS_SECRET_ACCESS_KEY text
AWS_STORAGE_CLASS text
BACKUP_ARCHIVE text /archive
BACKUP_COMPRESSION text gz
BACKUP_CRON_EXPRESSION text @daily
BACKUP_EXCLUDE_REGEXP text
BACKUP_FILENAME text backup-%Y-%m-%dT%H-%M-%S.{{.Extension}}
BACKUP_FILENAME_EXPAND bool
BACKUP_FROM_SNAPSHOT bool
BACKUP_JITTER -
BACKUP_LATEST_SYMLINK text
BACKUP_PRUNING_LEEWAY duration 1m
BACKUP_PRUNING_PREFIX text
BACKUP_RETENTION_DAYS int -1
BACKUP_SKIP_BACKENDS_FROM_PRUNE text
BACKUP_SOURCES text /backup
BACKUP_STOP_CONTAINER_LABEL -
BACKUP_STOP_DURING_BACKUP_LABEL text true
BACKUP_STOP_DURING_BACKUP_NO_RESTART_LABEL text true
BACKUP_STOP_SERVICE_TIMEOUT duration 5m
AGE_PASSPHRASE -
AGE_PUBLIC_KEYS -
EXEC_FORWARD_OUTPUT bool
EXEC_LABEL text
GPG_PASSPHRASE -
GPG_PUBLIC_KEY_RING -
GZIP_PARALLELISM int 1
LOCK_TIMEOUT duration 60m
NOTIFICATION_LEVEL text error
NOTIFICATION_URLS -
'
ours='^(AGE|AWS|AZURE|BACKUP|DROPBOX|EMAIL|EXEC|GOOGLE|GPG|GZIP|LOCK|NOTIFICATION|SSH|WEBDAV)_'

is_set() { eval "[ -n \"\${$1+set}\" ]"; }
given() { is_set "$1" || is_set "$1_FILE"; }

# Takes one variable, from the environment or the file it names, and checks that it is of its kind.
read_variable() {
  name=$1 kind=$2 value=${3-}
  if is_set "$name" && is_set "${name}_FILE"; then
    fail "$name and ${name}_FILE are both set: the real program would take neither"
  elif is_set "$name"; then
    eval "value=\$$name"
  elif is_set "${name}_FILE"; then
    eval "file=\$${name}_FILE"
    [ -r "$file" ] || fail "${name}_FILE: $file cannot be read: the real program would ignore it"
    # Not trimmed, as documented: a line end in a secret is part of it.
    value=$(cat "$file" && echo .)
    value=${value%.}
  fi
  case $kind in
    bool)
      case $value in
        1 | t | T | TRUE | true | True) value=true ;;
        0 | f | F | FALSE | false | False) value=false ;;
        *) given "$name" && fail "$name: not a boolean: \"$value\"" ;;
      esac ;;
    int)
      printf %s "$value" | grep -Eq '^-?[0-9]+$' || ! given "$name" || fail "$name: not a whole number: \"$value\"" ;;
    duration)
      given=$value
      value=$(seconds "$given") || fail "$name: not a duration such as 90s or 1h30m: \"$given\"" ;;
    -)
      [ -z "$value" ] || fail "$name: the real program can, this contract double cannot" ;;
  esac || true
  eval "$name=\$value"
}

# A Go duration in seconds: 1h30m -> 5400.
seconds() {
  printf %s "$1" | grep -Eq '^[-+]?([0-9]+(\.[0-9]+)?(ms|s|m|h))+$|^0$' || return 1
  printf %s "$1" | sed -E 's/(ms|s|m|h)/ \1\n/g' | awk '
    { unit["ms"] = .001; unit["s"] = 1; unit["m"] = 60; unit["h"] = 3600
      if (NR == 1 && sub(/^-/, "")) sign = -1; sum += $1 * unit[$2] }
    END { printf "%d", sign ? -sum : sum }'
}

# $NAME and ${NAME} by the environment, as BACKUP_FILENAME_EXPAND says.
expand() {
  printf '%s\n' "$1" | awk '{
    while (match($0, /\$([A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})/)) {
      name = substr($0, RSTART + 1, RLENGTH - 1); gsub(/[{}]/, "", name)
      printf "%s%s", substr($0, 1, RSTART - 1), ENVIRON[name]; $0 = substr($0, RSTART + RLENGTH)
    }
    print }'
}

# Two parts of a path as one: no doubled slashes, none at the end.
join_path() { printf '%s/%s' "$1" "$2" | tr -s / | sed 's,/$,,;s,^/,,'; }

# Verbs that the real program and `date` here understand alike.
check_verbs() {
  case $(printf %s "$1" | sed 's/%[aAwdbBmyYHIpMSjUW%]//g') in
    *%*) fail "BACKUP_FILENAME: a verb that this contract double cannot: \"$1\"" ;;
  esac
}

# Whether a storage is left out of pruning: BACKUP_SKIP_BACKENDS_FROM_PRUNE is a list, in any case.
is_skipped() { printf ',%s,' "$BACKUP_SKIP_BACKENDS_FROM_PRUNE" | grep -iq ",$1,"; }

# Reads `SECONDS NAME` lines; prints the names that are to go, unless that were all.
outdated() {
  awk -v deadline="$deadline" -v storage="$1" '
    { total++; age = $1; sub(/^[0-9]+ /, ""); if (age < deadline) names[++count] = $0 }
    END {
      if (count && count == total)
        print "The current configuration would delete all " count " existing backups. Refusing to do so." > "/dev/stderr"
      else
        for (i = 1; i <= count; i++) print names[i]
      print storage ": " (count == total ? 0 : count + 0) " of " total + 0 " existing backups are outdated" > "/dev/stderr"
    }'
}

# A server that is gone is given up on after some seconds, as by the real program.
object_store() { "$tools/rclone" --retries 1 --low-level-retries 3 --use-server-modtime "$@"; }

prepare_object_store() {
  [ -n "$AWS_ACCESS_KEY_ID" ] && [ -n "$AWS_SECRET_ACCESS_KEY" ] ||
    fail 'AWS_S3_BUCKET_NAME is defined, but no credentials were provided'
  case $AWS_ENDPOINT in *://* | */*) fail "AWS_ENDPOINT: a host and port, not an URL: \"$AWS_ENDPOINT\"" ;; esac
  case $AWS_ENDPOINT_PROTO in
    https) ;;
    http) [ "$AWS_ENDPOINT_INSECURE" != true ] || fail 'AWS_ENDPOINT_INSECURE = true is only meaningful for https' ;;
    *) fail "AWS_ENDPOINT_PROTO: http or https, not \"$AWS_ENDPOINT_PROTO\"" ;;
  esac
  case $AWS_S3_PATH in /*) fail 'AWS_S3_PATH must not contain a leading slash' ;; esac
  # A file, or the certificate itself.
  if [ -n "$AWS_ENDPOINT_CA_CERT" ]; then
    export RCLONE_CA_CERT="$AWS_ENDPOINT_CA_CERT"
    [ -r "$RCLONE_CA_CERT" ] || {
      export RCLONE_CA_CERT=/tmp/.ca.pem
      printf '%s\n' "$AWS_ENDPOINT_CA_CERT" >"$RCLONE_CA_CERT"
    }
  fi
  # Buckets in the path, as the real client has them wherever the server is not Amazon's.
  export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_S3_TYPE=s3 RCLONE_CONFIG_S3_PROVIDER=Other \
    RCLONE_CONFIG_S3_ENDPOINT="$AWS_ENDPOINT_PROTO://$AWS_ENDPOINT" RCLONE_CONFIG_S3_FORCE_PATH_STYLE=true \
    RCLONE_CONFIG_S3_ACCESS_KEY_ID="$AWS_ACCESS_KEY_ID" RCLONE_CONFIG_S3_SECRET_ACCESS_KEY="$AWS_SECRET_ACCESS_KEY" \
    RCLONE_CONFIG_S3_STORAGE_CLASS="$AWS_STORAGE_CLASS" RCLONE_CONFIG_S3_NO_CHECK_BUCKET=true \
    RCLONE_S3_CHUNK_SIZE="${AWS_PART_SIZE:-16}M" RCLONE_S3_UPLOAD_CUTOFF="${AWS_PART_SIZE:-16}M" \
    RCLONE_NO_CHECK_CERTIFICATE="${AWS_ENDPOINT_INSECURE:-false}"
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}

create_archive() {
  source=${BACKUP_SOURCES%/}
  case $source in /*) ;; *) source=$PWD/$source ;; esac
  [ -e "$source" ] || fail "error walking filesystem tree: lstat $source: no such file or directory"
  if [ "$BACKUP_FROM_SNAPSHOT" = true ]; then
    log WARN 'Using BACKUP_FROM_SNAPSHOT has been deprecated and will be removed in the next major version.'
    snapshot=/tmp$source
    mkdir -p "${snapshot%/*}" && cp -a "$source" "$snapshot" || fail 'error creating snapshot'
    source=$snapshot
  fi
  case $BACKUP_COMPRESSION in gz) filter='--use-compress-program=gzip -5' ;; none) filter=--no-auto-compress ;; esac
  mkdir -p "${file%/*}"
  # Names start with a slash, and a hard link is a file of its own, as in the archives of the real program.
  find "$source" ! -type s -print0 | grep -zEv -- "${BACKUP_EXCLUDE_REGEXP:-^\$}" |
    "$tools/tar" --create --absolute-names --hard-dereference --numeric-owner --no-recursion --null \
      --transform='flags=r;s,^/tmp/,/,' "$filter" --file="$file" --files-from=- ||
    fail "error compressing backup folder"
  log INFO "Created backup of \`$source\` at \`$file\`."
}

copy_to_object_store() {
  key=$(join_path "$AWS_S3_PATH" "$name")
  object_store copyto "$file" "s3:$AWS_S3_BUCKET_NAME/$key" || fail 'error uploading backup to remote storage'
  log INFO "Uploaded a copy of backup \`$file\` to bucket \`$AWS_S3_BUCKET_NAME\`."
}

prune_object_store() {
  # The real program's prefix, too, loses the slash at its end: `shop` is a prefix of what is in `shopping/`.
  prefix=$(join_path "$AWS_S3_PATH" "$BACKUP_PRUNING_PREFIX")
  listed=$(object_store lsf --recursive --files-only --format tp --separator ' ' "s3:$AWS_S3_BUCKET_NAME") ||
    fail 'error looking up candidates from remote storage'
  printf '%s\n' "$listed" | while read -r day time path; do
    case $path in "$prefix"?* | "$prefix") [ -z "$day" ] || echo "$(date -u -d "$day $time" +%s) $path" ;; esac
  done | outdated S3 | while read -r path; do
    object_store deletefile "s3:$AWS_S3_BUCKET_NAME/$path" || exit 1
    log INFO "Pruned \`$path\`."
  done || fail 'error pruning backups'
}

copy_to_archive() {
  cp "$file" "$BACKUP_ARCHIVE/$name" || fail 'error copying file to archive'
  log INFO "Stored copy of backup \`$file\` in \`$BACKUP_ARCHIVE\`."
  [ -z "$BACKUP_LATEST_SYMLINK" ] || ln -sfn "$name" "$BACKUP_ARCHIVE/$BACKUP_LATEST_SYMLINK"
}

prune_archive() {
  for path in "$BACKUP_ARCHIVE/$BACKUP_PRUNING_PREFIX"*; do
    [ ! -f "$path" ] || [ -L "$path" ] || echo "$(stat -c %Y "$path") $path"
  done | outdated Local | while read -r path; do
    rm "$path" || exit 1
    log INFO "Pruned \`$path\`."
  done || fail 'error pruning backups'
}

[ $# -eq 0 ] || fail "this contract double runs once, without arguments, not as: backup $*"
for name in $(tr '\n\0' ' \n' <"/proc/$$/environ" | sed 's/=.*//' | grep -E "$ours"); do
  printf %s "$variables" | grep -q "^${name%_FILE} " || fail "$name: no such variable in the documentation, or one of a storage that this contract double cannot"
done
while read -r variable kind default; do
  [ -z "$variable" ] || read_variable "$variable" "$kind" "$default"
done <<EOF
$variables
EOF
case ${TZ-UTC} in '' | UTC | Etc/UTC) ;; *) fail 'TZ: this contract double knows UTC only' ;; esac
[ ! -e /var/run/docker.sock ] && ! is_set DOCKER_HOST ||
  fail 'a Docker socket: the real program would stop containers and run commands by their labels, this contract double cannot'
case $NOTIFICATION_LEVEL in info | error) ;; *) fail "unknown NOTIFICATION_LEVEL $NOTIFICATION_LEVEL" ;; esac
case $BACKUP_COMPRESSION in
  gz) extension=tar.gz ;;
  none) extension=tar ;;
  zst) fail 'BACKUP_COMPRESSION zst: the real program can, this contract double cannot' ;;
  *) fail "error decoding compression type $BACKUP_COMPRESSION" ;;
esac
if [ "$BACKUP_FILENAME_EXPAND" = true ]; then
  BACKUP_FILENAME=$(expand "$BACKUP_FILENAME")
  BACKUP_LATEST_SYMLINK=$(expand "$BACKUP_LATEST_SYMLINK")
  BACKUP_PRUNING_PREFIX=$(expand "$BACKUP_PRUNING_PREFIX")
fi
BACKUP_FILENAME=$(printf %s "$BACKUP_FILENAME" | sed "s/{{ *\.Extension *}}/$extension/g")
check_verbs "$BACKUP_FILENAME"
started=$(date +%s)
file=/tmp/$(join_path "$(date -d "@$started" +"$BACKUP_FILENAME")" '')
name=${file##*/}
[ -z "$AWS_S3_BUCKET_NAME" ] || prepare_object_store

trap 'rm -rf "$file" "${snapshot-/tmp/.none}"' EXIT
create_archive
[ -z "$AWS_S3_BUCKET_NAME" ] || copy_to_object_store
[ ! -d "$BACKUP_ARCHIVE" ] || copy_to_archive
if [ "$BACKUP_RETENTION_DAYS" -ge 0 ]; then
  deadline=$((started - BACKUP_RETENTION_DAYS * 86400 + BACKUP_PRUNING_LEEWAY))
  [ -z "$AWS_S3_BUCKET_NAME" ] || is_skipped s3 || prune_object_store
  [ ! -d "$BACKUP_ARCHIVE" ] || is_skipped local || prune_archive
fi
log INFO 'Finished running backup tasks.'
