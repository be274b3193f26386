#!/bin/sh
# Starts PostgreSQL, on a data folder of its own making where that is empty. Everybody who reaches it is trusted.
# Process 1 of the lab's postgres image; SIGTERM ends it within a moment, clients or not.
set -eu

# In place of the shell that calls it, so that a signal to that is one to the program.
as_postgres() {
  # -m: with this environment.
  exec su -m -s /bin/sh -c 'exec "$@"' -- postgres sh "$@"
}

mkdir -p "$PGDATA" "$PGHOST"
chown postgres:postgres "$PGDATA" "$PGHOST"
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Aside first: what a kill leaves half made is not taken for data.
  new=$PGDATA/.new
  rm -rf "$new"
  (as_postgres initdb --no-sync --auth=trust --no-locale --encoding=UTF8 --pgdata "$new" >/dev/null)
  echo 'host all all all trust' >>"$new/pg_hba.conf"
  mv "$new/PG_VERSION" "$new/.version"
  mv "$new"/[!.]* "$PGDATA"
  mv "$new/.version" "$PGDATA/PG_VERSION"
  rmdir "$new"
fi

# The lab's machine does not lose its power: nothing is lost without fsync when processes are killed.
as_postgres postgres -c listen_addresses='*' -c fsync=off -c unix_socket_directories="$PGHOST" &
server=$!
# Its fast shutdown: to SIGTERM itself it would wait for its clients.
trap 'kill -INT $server' TERM INT
wait $server || wait $server
