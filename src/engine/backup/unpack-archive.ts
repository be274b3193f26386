import { beginUnpacking, endUnpacking } from './restore-folder.ts';

/** Exit codes of the script that say more than that it failed. */
export const unpackExit = { noArchive: 44 } as const;

/**
 * Unpacks an archive beside what is in a volume, or fails and leaves nothing of it; prints how many files and bytes it was.
 * For the shell of rclone's image and busybox's tar, and for GNU's. Nothing in an archive is written outside of its folder:
 * tar takes `/` and `..` off names and makes links that lead out last; what only a device is, it may not make at all.
 * $1: the name of the volume; $2: where it is mounted; $3: the awk program of scan-archive.ts; $4: the archive, as rclone calls it; then
 * options of rclone.
 */
export const unpackArchive = `${beginUnpacking}
export LC_ALL=C
volume=$1 program=$3 archive=$4
shift 4

scan() { tr '\\000\\n' '\\001\\002' | fold -b -w 512 | awk "$program" >"$home/scan"; }

copy() {
  for size in 1048576 512 1; do
    [ "$1" -lt "$size" ] || dd bs="$size" count="$(($1 / size))" iflag=fullblock 2>/dev/null
    set -- "$(($1 % size))"
  done
}

correct() {
  at=0
  while read -r kind offset length bytes <&5; do
    [ "$kind" = patch ] || continue
    copy "$((offset - at))"
    printf '%b' "$bytes"
    copy "$length" >/dev/null
    at=$((offset + length))
  done 5<"$home/scan"
  cat
}

# That rclone and gzip succeed counts as much as that tar does, which does not read on after the end of the archive.
unpack() {
  {
    ended=$(
      {
        { set +e; rclone cat "$@" "$archive"; echo "rclone $?" >&3; } |
          { set +e; gzip -dc; echo "gzip $?" >&3; } |
          "$filter" |
          { set +e; extract; echo "tar $?" >&3; }
      } 3>&1 >&4
    )
  } 4>&1
  ended=$(printf '%s\\n' "$ended" | sort | tr '\\n' ' ')
}

# Where it takes the content of a file for headers, the scan must still see the rest.
extract() {
  tar -x -p --numeric-owner -f - 2>"$home/said" || {
    set -- "$?"
    ! grep -q '^tar: invalid' "$home/said" || cat >/dev/null
    return "$1"
  }
  cat >/dev/null
}

pass_on() { tee "$home/copy"; }

# Of what is not there \`rclone cat\` reads nothing, and succeeds.
code=0
there=$(rclone lsf --files-only "$@" "$archive") || code=$?
[ "$code" = 0 ] || [ "$code" = 3 ] || exit 1
[ "$there" = "\${archive##*/}" ] || exit ${unpackExit.noArchive}

is_gnu=no
! tar --version 2>&1 | grep -q GNU || is_gnu=yes
mkfifo "$home/copy"
scan <"$home/copy" &
filter=pass_on
unpack "$@"
wait "$!"
if grep '^refuse ' "$home/scan" >&2; then
  echo 'The archive has names that lead out of it.' >&2
  exit 1
fi
if [ "$is_gnu" = no ] && grep -q '^patch ' "$home/scan"; then
  cd "$home"
  rm -rf unpack
  mkdir unpack
  cd unpack
  filter=correct
  unpack "$@"
fi
tail -n 20 "$home/said" >&2
if [ "$ended" != 'gzip 0 rclone 0 tar 0 ' ]; then
  echo "The archive can not be unpacked; exit codes: $ended" >&2
  exit 1
fi
if ! grep -q '^end$' "$home/scan"; then
  echo 'The archive has no end.' >&2
  exit 1
fi

if [ "$is_gnu" = no ]; then
  # busybox's goes on where it can't make a thing, and ends as if it had made it.
  if grep -v "^tar: removing leading '/' from member names$" "$home/said"; then
    exit 1
  fi >&2
  while read -r kind type owner group time name; do
    [ "$kind" = entry ] || continue
    # The last one keeps \`read\` from taking spaces off.
    name=./\${name%|}
    [ "$type" != 2 ] || chown -h "$owner:$group" "$name"
    touch -c -h -d "@$time" "$name"
  done <"$home/scan"
fi
set -- "$volume"
${endUnpacking}`;
