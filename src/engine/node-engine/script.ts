/**
 * Speaks HTTP to the Engine of the node that it runs on, through the Docker CLI's `dial-stdio`, and prints the answers so
 * that no log driver can change them: compressed, as base64, in lines that none cuts.
 *
 * Its arguments: a mark that nothing else knows, the oldest and the newest version of the API that will do, and the seconds
 * for the first call, which asks for the Engine's own version; then the conversations. Each is: its seconds, how many paths
 * are looked at first, these paths, how many requests follow, and of each its method, its path and a pattern. With a pattern
 * the request is only sent if a line of what was looked at matches.
 *
 * After the answers of a conversation comes a line with the mark, the exit code of the CLI, the seconds that passed, and a
 * letter for each request: `y` if it was sent. The first such line has the Engine's version instead of letters. On standard
 * error comes the mark alone.
 *
 * Requests of a conversation go over one connection, one behind the other. Its standard input stays open until the Engine
 * closes the connection after the last of them, a ping: an Engine from 28 on gives a request up when it is closed before
 * ("context canceled"). That a fifo is open to write too keeps it open; what is left in it is gone with it.
 */
export const askScript = `mark=$1 oldest=$2 newest=$3 patience=$4
shift 4
cd /dev/shm

request() {
  printf '%s %s HTTP/1.1\\r\\nHost: docker\\r\\nContent-Length: 0\\r\\nConnection: %s\\r\\n\\r\\n' \\
    "$1" "$2" "\${3:-keep-alive}" >>requests
}

talk() {
  request HEAD /_ping close
  mkfifo in
  exec 3<>in
  cat requests >in &
  : >code
  timeout -s KILL "$1" docker system dial-stdio <in || echo "$?" >code
  kill "$!" 2>/dev/null || :
  exec 3>&-
  rm in
  : >requests
}

report() {
  read -r code <code || code=0
  read -r now rest </proc/uptime
  printf '\\n%s %s %s %s\\n' "$mark" "$code" "$((\${now%.*} - \${then%.*}))" "$1"
  printf '\\n%s\\n' "$mark" >&2
  read -r then rest </proc/uptime
}

: >requests
read -r then rest </proc/uptime
talk "$patience" >seen
version=$(tr -d '\\r' <seen | sed -n 's/^[Aa][Pp][Ii]-[Vv]ersion: *//p')
report "$version"
minor=\${version#1.}
case $minor in '' | *[!0-9]*) exit 0 ;; esac
[ "$minor" -ge "\${oldest#1.}" ] || exit 0
[ "$minor" -le "\${newest#1.}" ] || minor=\${newest#1.}
base=/v1.$minor

while [ "$#" -gt 0 ]; do
  seconds=$1 looks=$2
  shift 2
  : >code
  sent=
  if [ "$looks" -gt 0 ]; then
    while [ "$looks" -gt 0 ]; do
      request GET "$base$1"
      shift
      looks=$((looks - 1))
    done
    talk "$seconds" >seen
  fi
  count=$1
  shift
  while [ "$count" -gt 0 ]; do
    if [ ! -s code ] && { [ -z "$3" ] || grep -q -e "$3" seen; }; then
      request "$1" "$base$2"
      sent=\${sent}y
    else
      sent=\${sent}n
    fi
    shift 3
    count=$((count - 1))
  done
  if [ -s requests ]; then
    talk "$seconds" | gzip -c | base64 | tr -d '\\n' | fold -w 4000
  fi
  report "$sent"
done`;
