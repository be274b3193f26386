import { tidyingMark } from '../../core/text/failure-words.ts';

/*
 * In a volume that is being restored there is a folder `.swarm-utils-restore`:
 *   unpack/    while it is being unpacked
 *   new/       what came of it, once that is whole
 *   stamp      has the time that the volume's root is to have
 *   old/       for what the volume holds now
 * and a file whose name tells how far it is, once `new` is whole and on the disk:
 *   complete
 *   committed  `new` is whole in all volumes: from here on it goes forward only
 *   emptied    all that the volume held is in `old`
 * It is renamed to `.swarm-utils-restore.gone` before it is removed, so that a half of it is never taken for the whole.
 */

/** Where the volume is mounted that is unpacked into. No image has such a folder: Docker fills a new volume with nothing. */
export const volumeFolder = '/swarm-utils-volume';

/** A POSIX shell's function for what tidies up after a failure: what it prints is no cause of that. */
export const tidyFunction = `
tidy() { { "$@" 2>&1 || :; } | sed 's/^/${tidyingMark}/' >&2; }
`;

/** What those who unpack begin with. $1: the name of the volume; $2: where it is mounted. */
export const beginUnpacking = `${tidyFunction}
home=$2/.swarm-utils-restore
rm -rf "$home" "$home.gone"
# Whatever fails here changes nothing.
trap 'tidy rm -rf "$home"' EXIT
mkdir -m 700 "$home"
mkdir "$home/unpack"
cd "$home/unpack"
`;

/** What they end with, /backup/<volume> being in the current folder. Prints how many files and bytes there are. */
export const endUnpacking = `
for part in backup "backup/$1"; do
  if [ ! -d "$part" ] || [ -L "$part" ]; then
    echo "There is no folder /backup/$1 in it." >&2
    exit 1
  fi
done
# By no path that somebody who writes the volume meanwhile could put a link into: what is elsewhere is not his to have.
unpacked=$(pwd -P)
cd backup
[ "$(pwd -P)" = "$unpacked/backup" ] || { echo 'Somebody writes the volume.' >&2; exit 1; }
mv "./$1" "$home/new"
cd "$home"
# The names are ours, where a volume was backed up in the middle of a restore.
rm -rf unpack new/.swarm-utils-restore new/.swarm-utils-restore.gone
touch -r new stamp
mkdir old
files=$(find new -mindepth 1 -exec sh -c 'echo $#' sh {} + | awk '{ sum += $1 } END { printf "%.0f", sum }')
bytes=$(find new -type f -exec stat -c %s {} + | awk '{ sum += $1 } END { printf "%.0f", sum }')
sync -f "$home" 2>/dev/null || sync
: >complete
trap - EXIT
echo "$files $bytes"
`;
