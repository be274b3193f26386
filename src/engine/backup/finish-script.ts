/** Where the volumes of a node are mounted, by number. No image has such a folder. */
export const volumesFolder = '/swarm-utils-volumes';

/**
 * Brings restores to their end in the volumes of one node; what it finds there is told in restore-folder.ts. It may be
 * killed anywhere and run again. Everything is a renaming, which needs no room on the disk.
 * $1: the folder of the mounts; then what to do, in order:
 *   inspect  prints of each volume how far it is: none, partial, complete, committed
 *   commit   decides to go forward, where all volumes are complete, and fails where they are not
 *   finish   goes forward in volumes that are committed, and back in all others
 */
export const finishScript = `
name=.swarm-utils-restore

state_of() {
  if [ ! -d "$1/$name" ] || [ -L "$1/$name" ]; then
    echo none
  elif [ -e "$1/$name/committed" ] || [ -e "$1/$name/emptied" ]; then
    echo committed
  elif [ -e "$1/$name/complete" ]; then
    echo complete
  else
    echo partial
  fi
}

# All that is in $1 into $2, and nothing may be left.
move_all() {
  find "$1" -mindepth 1 -maxdepth 1 ! -name "$name" ! -name "$name.gone" \\
    -exec sh -c 'folder=$1; shift; exec mv -f -- "$@" "$folder/"' sh "$2" {} + || return 1
  [ -z "$(find "$1" -mindepth 1 -maxdepth 1 ! -name "$name" ! -name "$name.gone" | head -c 1)" ]
}

persist() { sync -f "$1" 2>/dev/null || sync; }

# In one step, so that half of it is never taken for the whole.
remove_traces() {
  rm -rf "$1/$name.gone" || return 1
  if [ -e "$1/$name" ] || [ -L "$1/$name" ]; then
    mv "$1/$name" "$1/$name.gone" && rm -rf "$1/$name.gone"
  fi
}

go_forward() {
  home=$1/$name
  if [ ! -e "$home/emptied" ]; then
    if ! move_all "$1" "$home/old"; then
      # What can't be moved can't be replaced. Nothing is changed then.
      move_all "$home/old" "$1" && remove_traces "$1"
      echo 'The old content can not be moved, so it stays.' >&2
      return 1
    fi
    persist "$home"
    mv "$home/committed" "$home/emptied" || return 1
  fi
  move_all "$home/new" "$1" || return 1
  chown "$(stat -c %u:%g "$home/new")" "$1" && chmod "$(stat -c %a "$home/new")" "$1" || return 1
  time=$(stat -c %Y "$home/stamp") || return 1
  persist "$home"
  remove_traces "$1" || return 1
  touch -d "@$time" "$1"
}

commit() {
  for volume in "$@"; do
    [ "$(state_of "$volume")" != partial ] || { echo 'Not all is unpacked.' >&2; return 1; }
  done
  for volume in "$@"; do
    if [ "$(state_of "$volume")" = complete ]; then
      mv "$volume/$name/complete" "$volume/$name/committed" || return 1
      persist "$volume"
    fi
  done
}

finish() {
  result=0
  for volume in "$@"; do
    if [ "$(state_of "$volume")" = committed ]; then
      go_forward "$volume" || result=1
    else
      remove_traces "$volume" || result=1
    fi
  done
  return "$result"
}

folder=$1
shift
for action in "$@"; do
  case $action in
    inspect) for volume in "$folder"/*; do state_of "$volume"; done ;;
    commit) commit "$folder"/* ;;
    finish) finish "$folder"/* ;;
  esac
done
`;
