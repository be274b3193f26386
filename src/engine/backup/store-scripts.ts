/**
 * What helpers run in their own shells, which are those of small images: POSIX, with busybox' programs. Values come as
 * positional parameters. What is data goes to standard output, what is for people to standard error.
 */

/** Command of a helper that runs one of these. */
export function shell(script: string, ...values: readonly string[]): readonly string[] {
  return ['/bin/sh', '-euc', script, 'sh', ...values];
}

/**
 * Prints size and MD5s of the file $1. In parts of $2 bytes, or `s3`: of the size that the S3 client of offen's program
 * takes (16 MiB, and more where that were more than 10000 parts), or `whole`.
 * @see https://github.com/minio/minio-go, api-put-object-common.go (OptimalPartInfo)
 */
const sumArchive = `
sum_archive() {
  size=$(stat -c %s "$1")
  echo "size $size"
  part=$size
  if [ "$2" = s3 ] && [ "$size" -gt 16777216 ]; then
    part=$(((size / 10000 + 16777215) / 16777216 * 16777216))
  fi
  if [ "$part" -ge "$size" ]; then
    md5sum <"$1"
    return
  fi
  blocks=$((part / 1048576)) at=0
  while [ $((at * part)) -lt "$size" ]; do
    dd if="$1" bs=1048576 skip=$((at * blocks)) count="$blocks" 2>/dev/null | md5sum
    at=$((at + 1))
  done
}
`;

/** Not for ever: by default it tries for many minutes. */
const rcloneFunction = `
patient_rclone() { rclone --retries 2 --low-level-retries 3 --contimeout 10s --timeout 60s "$@"; }
`;

/**
 * Runs offen's program, and measures its archive while that is being uploaded: once the program ends, it is gone.
 * Parameters: the archive's name; `s3` or `whole`. An archive for a folder is put into its place last, and whole.
 */
export const writeArchive = `${sumArchive}
archive=/tmp/$1
[ -z "\${BACKUP_ARCHIVE-}" ] || {
  trap 'rm -rf "$BACKUP_ARCHIVE"' EXIT
  rm -rf "$BACKUP_ARCHIVE"
  mkdir -p "$BACKUP_ARCHIVE"
  place=\${BACKUP_ARCHIVE%/*}/$1
  [ ! -e "$place" ] || { echo "There is an archive of this name already: $1" >&2; exit 1; }
}
# A second name from the beginning, for the program removes its own.
: >"$archive"
ln "$archive" /tmp/.archive
mkfifo /tmp/.log
backup >/tmp/.log 2>&1 &
program=$! measuring=
trap 'kill "$program" || :; exit 143' TERM INT
while IFS= read -r line; do
  printf '%s\\n' "$line" >&2
  case $line in
    *'Created backup of '*)
      [ -n "$measuring" ] || {
        sum_archive /tmp/.archive "$2" >/tmp/.sums &
        measuring=$!
      } ;;
  esac
done </tmp/.log
wait "$program"
[ -n "\${BACKUP_ARCHIVE-}" ] && mv "$BACKUP_ARCHIVE/$1" "$place"
if [ -n "$measuring" ]; then wait "$measuring"; else sum_archive /tmp/.archive "$2" >/tmp/.sums; fi
cat /tmp/.sums
`;

/** Lines between the parts of what `inspectFolder` prints. */
export const sections = { answers: '--answers--', archives: '--archives--' } as const;

/**
 * Lists the folder $1 through rclone; then prints what an S3 server itself answered, which has the entity tags (secrets are
 * not in there: https://rclone.org/docs/#dump-flag-flag-flag); then reads the archives $3 … and measures them as
 * `writeArchive` does with $2: a line with the name before each. What is not on a disk of this node is fetched for that.
 * Needs a scratch mount at /tmp.
 */
export const inspectFolder = `${sumArchive}${rcloneFunction}
root=$1 kind=$2
shift 2
patient_rclone -vv --dump bodies lsjson --files-only --no-modtime --no-mimetype "$root" 2>/tmp/log || {
  code=$?
  grep -E ' (ERROR|CRITICAL|NOTICE) *:|Failed to |Fatal' /tmp/log | tail -n 5 >&2
  exit "$code"
}
echo '${sections.answers}'
sed -n '/<ListBucketResult/,/<.ListBucketResult>/p' /tmp/log
echo '${sections.archives}'
for name; do
  file=$root/$name
  [ "\${root#/}" != "$root" ] || {
    file=/tmp/archive
    patient_rclone copyto "$root/$name" "$file" >&2
  }
  echo "archive $name"
  sum_archive "$file" "$kind"
done
`;

/** Removes the files $2 … from the folder $1, by their exact names. Needs a scratch mount at /tmp. */
export const removeArchives = `${rcloneFunction}
root=$1
shift
printf '/%s\\n' "$@" >/tmp/names
patient_rclone delete --files-from-raw /tmp/names "$root" >&2
`;

/**
 * Writes /backup/$1 as a snapshot of host $2, service $3 and backup $4, and prints restic's summary. With $5 `first` it
 * sees before that the repository can be opened, in a minute at most (restic itself tries for a quarter of an hour),
 * removes the locks that a killed run left, and makes a repository where there is none: never where one can't be read.
 * A snapshot that lacks something is removed again.
 * @see https://restic.readthedocs.io/en/stable/075_scripting.html
 */
export const writeSnapshot = `
volume=$1 host=$2 service=$3 id=$4 code=0
if [ "$5" = first ]; then
  timeout 60 restic unlock --remove-all >/dev/null 2>/tmp/error || code=$?
  # Before 0.17 it says so in words only.
  ! grep -Eq 'unable to open config file: .*(key does not exist|no such file)' /tmp/error || code=10
  if [ "$code" = 10 ]; then
    restic init >&2
  elif [ "$code" != 0 ]; then
    [ -s /tmp/error ] || echo 'The repository did not answer within a minute.' >/tmp/error
    cat /tmp/error >&2
    exit "$code"
  fi
  code=0
fi
restic backup --quiet --json --host "$host" --tag "service=$service" --tag "volume=$volume" --tag "backup=$id" \\
  -- "/backup/$volume" >/tmp/out || code=$?
snapshot=$(sed -n 's/.*"snapshot_id":"\\([0-9a-f]*\\)".*/\\1/p' /tmp/out)
[ "$code" = 0 ] || {
  [ -z "$snapshot" ] || restic forget "$snapshot" >&2
  exit "$code"
}
grep '"message_type":"summary"' /tmp/out
`;

/** Prints the snapshots of service $1, then checks the repository. */
export const inspectRepository = `
restic snapshots --json --tag "service=$1"
restic check >&2
`;

/** Removes the snapshots $1 …, and what only they had. */
export const removeSnapshots = `restic forget --prune -- "$@" >&2`;
