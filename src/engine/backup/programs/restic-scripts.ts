import { beginUnpacking, endUnpacking } from '../restore-folder.ts';
import { resticExit, resticFunctions } from './restic-shell.ts';

/*
 * What is data goes to standard output, what is for people to standard error. Every script ends with a code of `resticExit`;
 * where that says that the repository is locked, standard output has the locks, each as a line `lock {…}`.
 */

/** Of what could not be read as many lines are printed. */
const MAX_MISSED = 200;

/**
 * Writes /backup/$1 as a snapshot of host $2, service $3 and backup $4; prints restic's summary last. Makes the repository
 * where there is none, never where one can't be read. Of what went away while it was read, and of what could not be read, a
 * line each comes before, with restic's message: `vanished {…}`, `unreadable {…}`. A snapshot that lacks the latter is
 * marked with the tag `incomplete`, or removed again where it can't be marked; a line `marked <id>` says that it is. Then
 * the code is 3.
 */
export const writeSnapshot = `${resticFunctions}
volume=$1 host=$2 service=$3 id=$4
write_snapshot() {
  unlocked backup --one-file-system --quiet --json --host "$host" --tag "service=$service" --tag "volume=$volume" \\
    --tag "backup=$id" -- "/backup/$volume"
}

# Before 0.17 restic leaves the reason out: what is not there any more went away.
judge() {
  while IFS= read -r line; do
    case $line in
      *'"during":"scan"'*) continue ;;
      *': no such file or directory"}'* | *'"Err":2}'*) echo "vanished $line"; continue ;;
      *'"error":{}'*)
        item=$(printf %s "$line" | sed -n 's/.*"item":"\\(.*\\)"}$/\\1/p')
        case $item in
          '' | *\\\\*) ;;
          *) [ -e "$item" ] || [ -L "$item" ] || { echo "vanished $line"; continue; } ;;
        esac ;;
    esac
    echo "unreadable $line"
  done
}

# Marked, or gone: what lacks something must not be taken for whole.
mark() {
  unlocked tag --quiet --add incomplete "$1"
  if [ "$code" = 0 ]; then
    # It has another id now.
    run_restic snapshots --json --quiet --no-lock --host "$host" --tag "service=$service,volume=$volume,backup=$id,incomplete"
    marked=$(tr ',{' '\\n\\n' </tmp/out | sed -n 's/^"id":"\\([0-9a-f]\\{64\\}\\)".*/\\1/p' | tail -n 1)
    echo "marked \${marked:-$1}"
  else
    tidy unlocked forget --quiet "$1"
    run_restic list snapshots --quiet --no-lock
    [ "$code" = 0 ] && ! grep -q "^$1" /tmp/out ||
      echo "The snapshot $1 lacks them, and could neither be marked as incomplete nor be removed." >&2
  fi
}

write_snapshot
if [ "$code" = ${resticExit.noRepository} ]; then
  run_restic init
  [ "$code" = 0 ] || fail
  write_snapshot
fi
[ "$code" = 0 ] || [ "$code" = ${resticExit.incomplete} ] || fail
grep '"message_type":"summary"' /tmp/out >/tmp/summary || { cat /tmp/error >&2; exit 1; }
cp /tmp/error /tmp/said
cat /tmp/said >&2
if [ "$code" = ${resticExit.incomplete} ]; then
  grep '"message_type":"error"' /tmp/said | judge >/tmp/missed || :
  head -n ${MAX_MISSED} /tmp/missed
  if [ ! -s /tmp/missed ] || grep -q '^unreadable ' /tmp/missed; then
    grep '^unreadable ' /tmp/missed | head -n 1
    mark "$(sed -n 's/.*"snapshot_id":"\\([0-9a-f]*\\)".*/\\1/p' /tmp/summary)"
    cat /tmp/summary
    exit ${resticExit.incomplete}
  fi
fi
cat /tmp/summary
`;

/** How many files of a snapshot are read, and how much of each. */
const SAMPLE_FILES = 2;
const SAMPLE_BYTES = 4 * 1024 * 1024;

/** Chooses files of what `restic ls --json\` prints, each as likely as any other: a line `SIZE PATH` for each. */
const chooseSample = `
BEGIN { srand() }
/"type":"file"/ && match($0, /"size":[0-9]+/) {
  size = substr($0, RSTART + 7, RLENGTH - 7)
  if (size + 0 == 0 || !match($0, /"path":"[^"\\\\]*"/)) next
  path = substr($0, RSTART + 8, RLENGTH - 9)
  count++
  at = count <= ${SAMPLE_FILES} ? count : int(rand() * count) + 1
  if (at <= ${SAMPLE_FILES}) chosen[at] = size " " path
}
END { for (at in chosen) print chosen[at] }
`;

/**
 * Prints the snapshots of service $1, then checks as deep as $2 says. `snapshot`: the snapshots $3 … have all their trees,
 * the repository has all that these name, and a sample of their files can be read. `repository`: all of it is
 * consistent. `data`: and every pack in it is read.
 */
export const inspectRepository = `${resticFunctions}
service=$1 depth=$2
shift 2
run_restic snapshots --json --quiet --no-lock --tag "service=$service"
[ "$code" = 0 ] || fail
cat /tmp/out

# Through a pipe: a list may be long, and of a large file the beginning will do.
read_sample() {
  mkfifo /tmp/pipe
  awk '${chooseSample}' </tmp/pipe >/tmp/sample &
  reader=$! output=/tmp/pipe
  run_restic ls --quiet --json "$1"
  wait "$reader"
  while [ "$code" = 0 ] && read -r size path; do
    [ "$size" -le ${SAMPLE_BYTES} ] || size=${SAMPLE_BYTES}
    # It is told to end, for one whose pipe is closed leaves its lock.
    { head -c "$size" | wc -c >/tmp/length; : >/tmp/enough; cat >/dev/null; } </tmp/pipe &
    reader=$!
    run_restic dump --quiet "$1" "$path"
    wait "$reader"
    [ "$code" = 11 ] || [ "$(cat /tmp/length)" -ge "$size" ] || fail
    [ "$code" = 11 ] || code=0
  done </tmp/sample
  rm /tmp/pipe
  output=
  # Who locks it now may: that all is there is known.
  [ "$code" = 0 ] || [ "$code" = 11 ] || fail
  code=0
}

case $depth in
  snapshot)
    for id; do
      unlocked stats --quiet --json --mode raw-data "$id"
      [ "$code" = 0 ] || fail
      read_sample "$id"
    done ;;
  repository) unlocked check ;;
  data) unlocked check --read-data ;;
esac
[ "$code" = 0 ] || fail
`;

/** Removes the snapshots $1 …, and what only they had. */
export const removeSnapshots = `${resticFunctions}
unlocked forget --quiet --prune -- "$@"
[ "$code" = 0 ] || fail
# Before 0.19 it succeeds also where it could not remove them.
run_restic list snapshots --quiet --no-lock
[ "$code" = 0 ] || fail
for id; do
  if grep -q "^$id" /tmp/out; then
    echo "The snapshot $id is still there." >&2
    exit ${resticExit.incomplete}
  fi
done
`;

/** Prints all snapshots. Without a lock: keys may be allowed to read only. */
export const listSnapshots = `${resticFunctions}
run_restic snapshots --json --quiet --no-lock
[ "$code" = 0 ] || fail
cat /tmp/out
`;

/**
 * Removes the lock of a helper that is gone, in a helper of the same host name: there restic sees that no process has the
 * number $1, which stands in the lock. No process may get that number meanwhile.
 */
export const removeLock = `${resticFunctions}
while last=$(sh -c 'echo $$') && [ "$last" -le "$1" ]; do :; done
run_restic unlock --quiet
[ "$code" = 0 ] || fail
`;

/** As for archives; $3 is the snapshot. Keys that may read only can't lock, so where that is denied it goes without. */
export const unpackSnapshot = `${resticFunctions}${beginUnpacking}
sparse=--sparse
restic restore --help 2>&1 | grep -q -- --sparse || sparse=
restore() { unlocked restore "$@" --quiet $sparse --target "$home/unpack"; }
restore "$3"
if [ "$code" != 0 ] && grep -Eq '(<lock/|unable to create lock).*(Access ?Denied|Forbidden|read-only)' /tmp/error; then
  restore "$3" --no-lock
fi
[ "$code" = 0 ] || fail
cat /tmp/error >&2
${endUnpacking}`;
