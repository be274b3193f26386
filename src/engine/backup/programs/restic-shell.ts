import { tidyFunction } from '../restore-folder.ts';

/**
 * Exit codes of the scripts that run restic. Up to 12 they are restic's own, as it has them from 0.17 on, whatever version
 * runs; above are the scripts'.
 * @see https://restic.readthedocs.io/en/stable/075_scripting.html#exit-codes
 */
export const resticExit = {
  /** Something could not be read, or not all that was to be removed was. */
  incomplete: 3,
  noRepository: 10,
  /** Somebody else has locked the repository. Standard output has the locks. */
  locked: 11,
  wrongPassword: 12,
  /** There is no such snapshot. */
  noSnapshot: 44,
  /** The store could not be opened, or says that it never will do this. */
  hopeless: 97,
  /** Ended for its time-out, `LIMIT_SECONDS`. */
  outOfTime: 98,
} as const;

/**
 * Causes that no further try changes. restic from 0.17 on tries most of them again for a quarter of an hour.
 * Words of Amazon's S3, of Ceph's gateway, of MinIO, and of Go.
 */
const HOPELESS = [
  'bucket does not exist|NoSuchBucket',
  'signature we calculated does not match|SignatureDoesNotMatch',
  'access key I[dD] you provided does not exist|InvalidAccessKeyId',
  'Access ?Denied|Forbidden|AccountProblem|AllAccessDisabled',
  'uthorization header is malformed|AuthorizationHeaderMalformed|is wrong; expecting',
  'x509:|server gave HTTP response to HTTPS client',
  'no space left on device|disk quota exceeded|read-only file system',
].join('|');

/** Seconds after which a store that was not opened is given up. */
const OPEN_SECONDS = 30;
/** What restic gets to take its lock away once it is told to end. */
const END_SECONDS = 8;

/**
 * For POSIX shells with busybox' programs: runs restic so that every call ends, and ends with the cause. Needs /tmp to be
 * its own, and RESTIC_CACHE_DIR in there. Variables, all of them optional:
 *   BUCKET_LOOKUP  `path` or `dns`, as restic's option s3.bucket-lookup
 *   LIMIT_SECONDS  from the script's start on; then restic is ended, and takes its lock away
 *   LOCK_SECONDS   how long to wait for the locks of others
 *
 * run_restic ARGS…   output in /tmp/out and /tmp/error, `$code` as in `resticExit`
 * unlocked ARGS…     the same, for what takes a lock: removes stale ones, waits for those of others
 * fail               ends the script with what the last call printed, and its code
 *
 * With `$output` set, that is where restic writes to. A file /tmp/enough ends it, with its lock.
 */
export const resticFunctions = `${tidyFunction}
deadline=$(($(date +%s) + \${LIMIT_SECONDS:-604800}))
program= code=0
pattern='retrying after .*(${HOPELESS})'

end_program() {
  # INT: restic before 0.16 leaves its lock on TERM.
  kill -INT "$program" 2>/dev/null || return 0
  ends=$(($(date +%s) + ${END_SECONDS}))
  while kill -0 "$program" 2>/dev/null && [ "$(date +%s)" -lt "$ends" ]; do sleep 0.1 || sleep 1; done
  kill -9 "$program" 2>/dev/null || :
}
trap 'end_program; exit 143' TERM INT

# Its cache is there once the repository is open.
is_open() { [ -n "$(ls -A "$RESTIC_CACHE_DIR" 2>/dev/null)" ]; }

restic_code() {
  case $1 in
    0 | 3 | 10 | 11 | 12) echo "$1" && return ;;
  esac
  # Before 0.17 its words alone say it.
  if grep -Eq 'unable to open config file: .*(key does not exist|no such file)' /tmp/error; then echo 10
  elif grep -q 'already locked' /tmp/error; then echo 11
  elif grep -q 'wrong password or no key found' /tmp/error; then echo 12
  elif grep -Eq 'no matching ID found|no snapshot found|failed to find snapshot|unable to find snapshot' /tmp/error; then echo ${resticExit.noSnapshot}
  else echo "$1"
  fi
}

run_restic() {
  code=0 given_up= turns=0
  rm -f /tmp/enough
  opens=$(($(date +%s) + ${OPEN_SECONDS}))
  : >/tmp/error
  restic \${BUCKET_LOOKUP:+-o "s3.bucket-lookup=$BUCKET_LOOKUP"} "$@" </dev/null >\${output:-/tmp/out} 2>/tmp/error &
  program=$!
  while kill -0 "$program" 2>/dev/null; do
    now=$(date +%s)
    if tail -c 20000 /tmp/error | grep -Eiq "$pattern"; then
      given_up=${resticExit.hopeless}
    elif [ "$now" -ge "$deadline" ]; then
      given_up=${resticExit.outOfTime}
    elif [ "$now" -ge "$opens" ] && ! is_open; then
      given_up=${resticExit.hopeless}
      echo 'The repository could not be opened within ${OPEN_SECONDS} seconds.' >>/tmp/error
    fi
    if [ -n "$given_up" ] || [ -e /tmp/enough ]; then
      end_program
      break
    fi
    turns=$((turns + 1))
    [ "$turns" -gt 30 ] && sleep 0.5 2>/dev/null || sleep 0.1 2>/dev/null || sleep 1
  done
  wait "$program" || code=$?
  code=\${given_up:-$(restic_code "$code")}
}

# Locks of what this service's own helpers left begin with the id that their host names begin with.
own=$(cat /proc/sys/kernel/hostname)
own=\${own%%-*}-

# A line \`lock {…}\` for each.
list_locks() {
  run_restic list locks --no-lock --quiet
  [ "$code" = 0 ] || return 0
  for lock in $(grep -E '^[0-9a-f]{64}$' /tmp/out | head -n 20); do
    run_restic cat lock "$lock" --no-lock --quiet
    [ "$code" != 0 ] || { printf 'lock '; tr -d '\\n' </tmp/out; echo; }
  done
}

unlocked() {
  waits=$(($(date +%s) + \${LOCK_SECONDS:-0}))
  run_restic "$@"
  [ "$code" = 11 ] || return 0
  # Those alone that are stale: older than half an hour.
  run_restic unlock --quiet
  while :; do
    run_restic "$@"
    [ "$code" = 11 ] || return 0
    list_locks >/tmp/locks
    code=11
    ! grep -q "\\"hostname\\":\\( \\)*\\"$own" /tmp/locks || return 0
    [ "$(date +%s)" -lt "$waits" ] || return 0
    sleep 3
  done
}

fail() {
  [ "$code" != 11 ] || cat /tmp/locks 2>/dev/null || :
  cat /tmp/error >&2
  [ "$code" != 0 ] || code=1
  exit "$code"
}
`;
