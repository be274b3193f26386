import { tidyFunction } from './restore-folder.ts';
import { unsealFunction, unsealKeys } from './sealed-key.ts';

/**
 * What helpers run in their own shells, which are those of small images: POSIX, with busybox' programs. Values come as
 * positional parameters. What is data goes to standard output, what is for people to standard error.
 */

/** Command of a helper that runs one of these. */
export function shell(script: string, ...values: readonly string[]): readonly string[] {
  return ['/bin/sh', '-euc', script, 'sh', ...values];
}

/**
 * Prints size and MD5s of the file $1, in parts as the S3 client of offen's program takes them: of 16 MiB, and larger where
 * that were more than 10000.
 * @see https://github.com/minio/minio-go, api-put-object-common.go (OptimalPartInfo)
 */
const sumArchive = `
sum_part() { dd if="$1" bs=1048576 skip=$(($2 * $3)) count="$3" 2>/dev/null | md5sum; }
sum_archive() {
  size=$(stat -c %s "$1") at=0
  blocks=$(((size / 10000 + 16777215) / 16777216 * 16))
  [ "$blocks" -gt 0 ] || blocks=16
  echo "size $size"
  while [ $((at * blocks * 1048576)) -lt "$size" ]; do
    sum_part "$1" "$at" "$blocks"
    at=$((at + 1))
  done
}
`;

/** Not for ever: by default it tries for many minutes. */
const rcloneFunction = `
patient_rclone() { rclone --retries 2 --low-level-retries 3 --contimeout 10s --timeout 60s "$@"; }
`;

/**
 * Runs offen's program for the archive $1, and measures that while it grows: one processor compresses, another one has time.
 * Once the program ends, the archive is gone. One for a folder is put into its place last, and whole.
 */
export const writeArchive = `${tidyFunction}${sumArchive}${unsealFunction}${unsealKeys}
archive=/tmp/$1
[ -z "\${BACKUP_ARCHIVE-}" ] || {
  trap 'tidy rm -rf "$BACKUP_ARCHIVE"' EXIT
  rm -rf "$BACKUP_ARCHIVE"
  mkdir -p "$BACKUP_ARCHIVE"
  place=\${BACKUP_ARCHIVE%/*}/$1
  [ ! -e "$place" ] || { echo "There is an archive of this name already: $1" >&2; exit 1; }
}
# A second name from the beginning, for the program removes its own.
: >"$archive"
ln "$archive" /tmp/.archive
measure() {
  at=0
  while :; do
    [ -e /tmp/.whole ] && is_whole=1 || is_whole=0
    size=$(stat -c %s /tmp/.archive)
    if [ $(((at + 1) * 16777216)) -le "$size" ]; then
      sum_part /tmp/.archive "$at" 16
      at=$((at + 1))
    elif [ "$is_whole" = 1 ]; then
      [ $((at * 16777216)) -ge "$size" ] || sum_part /tmp/.archive "$at" 16
      return
    else
      sleep 0.2 || sleep 1
    fi
  done
}
measure >/tmp/.parts &
measuring=$!
mkfifo /tmp/.log
backup >/tmp/.log 2>&1 &
program=$!
trap 'kill "$program" || :; exit 143' TERM INT
while IFS= read -r line; do
  printf '%s\\n' "$line" >&2
  case $line in *'Created backup of '*) : >/tmp/.whole ;; esac
done </tmp/.log
wait "$program"
: >/tmp/.whole
[ -z "\${BACKUP_ARCHIVE-}" ] || mv "$BACKUP_ARCHIVE/$1" "$place"
wait "$measuring"
size=$(stat -c %s /tmp/.archive)
if [ "$size" -le 167772160000 ]; then
  echo "size $size"
  cat /tmp/.parts
else
  sum_archive /tmp/.archive
fi
`;

/** Lines between the parts of what `inspectFolder` prints. */
export const sections = { answers: '--answers--', archives: '--archives--' } as const;

/**
 * Lists the folder $1 through rclone; then prints what an S3 server itself answered, which has the entity tags (secrets are
 * not in there: https://rclone.org/docs/#dump-flag-flag-flag); then reads the archives $2 … and measures them: a
 * line with the name before each. What is not on a disk of this node is fetched for that.
 * Needs a scratch mount at /tmp.
 */
export const inspectFolder = `${sumArchive}${rcloneFunction}
root=$1
shift
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
  sum_archive "$file"
done
`;

/** Removes the files $2 … from the folder $1, by their exact names. Needs a scratch mount at /tmp. */
export const removeArchives = `${rcloneFunction}
root=$1
shift
printf '/%s\\n' "$@" >/tmp/names
patient_rclone delete --files-from-raw /tmp/names "$root" >&2
`;
