#!/bin/sh
# restic 0.14.0 (Debian 12): a backup that is ended by SIGTERM leaves its lock in the repository; by SIGINT it removes it.
#
# Containers are stopped with SIGTERM, so a helper that is stopped in the middle of a backup locks others out of `forget`,
# `prune` and `check` until the lock counts as stale, which is half an hour. Where the signal can be chosen, choose SIGINT.
# restic 0.18 removes its lock on both.
#
# Seen: SIGTERM leaves 1 lock (exit 143), SIGINT leaves 0 (exit 130). Needs Debian 12's package lists; nothing is installed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q restic=0.14.0-1+b5 >/dev/null 2>&1 || apt-get download -q restic/bookworm >/dev/null
dpkg --extract restic_*.deb program
restic=$folder/program/usr/bin/restic
"$restic" version
export RESTIC_REPOSITORY="$folder/repository" RESTIC_PASSWORD=example RESTIC_CACHE_DIR="$folder/cache"
"$restic" init --quiet
head -c 20000000 /dev/urandom >data

# Prints the locks that are left when a backup that would take long is ended by a signal, and how it ended.
locks_after() {
  "$restic" backup --quiet --limit-upload 1000 data >/dev/null 2>&1 &
  backup=$!
  until [ -n "$(ls "$RESTIC_REPOSITORY/locks")" ]; do sleep 0.1; done
  sleep 1
  kill -s "$1" "$backup"
  code=0
  wait "$backup" || code=$?
  echo "$(ls "$RESTIC_REPOSITORY/locks" | wc -l) (exit $code)"
}

# A shell gives what it starts in the background no SIGINT; restic asks for it itself.
interrupted=$(locks_after INT)
terminated=$(locks_after TERM)
echo "SIGINT leaves $interrupted, SIGTERM leaves $terminated"
case "$interrupted, $terminated" in
  '0 (exit '*', 1 (exit '*) echo 'as seen' ;;
  *) echo 'CHANGED' && exit 1 ;;
esac
