/**
 * Marks the processes of a label's text in the target's container, and their children: the id of the run, a dot, and the
 * second of the node's clock at which its time is over.
 */
const execMark = 'SWARM_UTILS_EXEC';

/** What a text that was told to end gets before it is killed, and after that until it is given up, seconds. */
const END_SECONDS = 5;

/**
 * Ends what a text has left running: the marked processes, their sessions, and all that descends from them. It runs in the
 * PID namespace of the container, with programs of the helper's image alone, so the container needs none.
 *
 * Parameters: the name of the mark, and the id of the run whose processes are ended; where that is empty, those of every run
 * whose time is over. Prints how many processes live on, and for how many seconds at most they are let be.
 * @see https://man7.org/linux/man-pages/man5/proc.5.html `/proc/pid/environ`, `/proc/pid/stat`
 */
export const endScript = `
name=$1 run=$2
line='
'
# The processes with the mark: "pid second" each.
marked() {
  for file in /proc/[0-9]*/environ; do
    text="$line$({ tr '\\000' '\\n' <"$file"; } 2>/dev/null || :)$line"
    case $text in *"$line$name=$run"*) ;; *) continue ;; esac
    mark=\${text#*"$line$name="}
    mark=\${mark%%"$line"*}
    case $mark in "\${run:-\${mark%.*}}".*) ;; *) continue ;; esac
    second=\${mark##*.}
    case $second in '' | *[!0-9]* | ????????????*) second=0 ;; esac
    pid=\${file#/proc/}
    echo "\${pid%/environ} $second"
  done
}
# Of these processes those that live, and what lives of their sessions and descends from them. Never the first one.
tree() {
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v roots="$*" '
    BEGIN { count = split(roots, list, " "); for (i = 1; i <= count; i++) root[list[i]] = 1 }
    /^[0-9]+ \\(/ {
      pid = $1; rest = $0; sub(/^.*\\) /, "", rest); split(rest, field, " ")
      state[pid] = field[1]; parent[pid] = field[2]; session[pid] = field[4]
      if (pid in root) set[pid] = 1
    }
    END {
      do {
        grown = 0
        for (pid in state) if (!(pid in set) && (parent[pid] in set || (session[pid] in set && session[pid] in root))) {
          set[pid] = 1; grown = 1
        }
      } while (grown)
      for (pid in set) if (pid != 1 && state[pid] != "Z") printf "%s ", pid
    }'
}
# Those whose time is over; the longest time of the others.
look() {
  now=$(date +%s) over= let_be=0 last=$now
  while read -r pid second; do
    [ -n "$pid" ] || continue
    if [ -n "$run" ] || [ "$second" -le "$now" ]; then
      over="$over $pid"
    else
      let_be=$((let_be + 1))
      [ "$second" -le "$last" ] || last=$second
    fi
  done <<END
$(marked)
END
}
left= passed=0 signal=TERM
while :; do
  look
  left=$(tree $over $left)
  [ -n "$left" ] || break
  if [ "$passed" -ge ${2 * END_SECONDS} ]; then break; fi
  if [ "$passed" -ge ${END_SECONDS} ]; then signal=KILL; fi
  kill -"$signal" $left 2>/dev/null || :
  sleep 1
  passed=$((passed + 1))
done
set -- $left
echo "$(($# + let_be)) $((last - now))"
`;

/**
 * Runs a text in a container, unless what an earlier one left there runs still: that is ended where its time is over.
 *
 * Parameters: the container, the id of the run, its time in seconds, the user (may be empty), the helper's image, its owner,
 * `endScript`, a word that nobody else knows, and then what is run. The word is printed, with the seconds that it may take
 * at most, where something runs still; then nothing was begun.
 */
export const runScript = `
container=$1 run=$2 seconds=$3 user=$4 image=$5 owner=$6 end=$7 word=$8
shift 8
# Health checks are such runs too, so there may be nothing of ours.
runs=$(docker inspect --format '{{json .ExecIDs}}' "$container" 2>/dev/null || :)
if [ -n "$runs" ] && [ "$runs" != null ]; then
  left=$(${dockerRun('""')} 2>/dev/null || :)
  case $left in
    '' | '0 '*) ;;
    *)
      echo "$word \${left#* }" >&2
      exit 1
      ;;
  esac
fi
exec docker exec \${user:+--user "$user"} --env "${execMark}=$run.$(($(date +%s) + seconds))" "$container" "$@"
`;

/** Ends the processes of one run. Parameters: the container, its id, the helper's image, its owner, `endScript`. */
export const stopScript = `
container=$1 run=$2 image=$3 owner=$4 end=$5
${dockerRun('"$run"')}
`;

/** Beside the processes of the container, without any network, and with no more than it takes to find and end them. */
function dockerRun(run: string): string {
  return (
    'docker run --rm --pull never --pid "container:$container" --network none --read-only --log-driver none ' +
    '--cap-drop ALL --cap-add KILL --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH --security-opt no-new-privileges ' +
    `--label "swarm-utils.helper=$owner" --entrypoint /bin/sh "$image" -euc "$end" sh ${execMark} ${run}`
  );
}
