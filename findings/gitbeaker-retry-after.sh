#!/bin/sh
# @gitbeaker/rest 43.8.0: a rate limit (429) is answered with ten requests in well under a second; `Retry-After` is not read.
#
# The requester retries 429 and 502 up to ten times, with pauses of milliseconds. During a rate limit one call therefore
# costs ten, and it fails long before the limit is over.
#
# Seen with `Retry-After: 60`: 10 requests within 0.4 s, then GitbeakerRetryError.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit --ignore-scripts @gitbeaker/rest@43.8.0
cat >look.mjs <<'JS'
import { createServer } from 'node:http';
import { Gitlab } from '@gitbeaker/rest';
let requests = 0;
const server = createServer((_request, response) => {
  requests += 1;
  response.writeHead(429, { 'Retry-After': '60', 'Content-Type': 'application/json' });
  response.end('{"message":"429 Too Many Requests"}');
});
server.listen(0, '127.0.0.1', async () => {
  const api = new Gitlab({ host: `http://127.0.0.1:${server.address().port}`, token: 'a-token' });
  const start = performance.now();
  const error = await api.Branches.show('group/project', 'main').catch(thrown => thrown);
  const seconds = (performance.now() - start) / 1000;
  console.log(`${requests} requests within ${seconds.toFixed(1)} s, then ${error.constructor.name}`);
  server.closeAllConnections();
  server.close();
  const isAsSeen = requests === 10 && seconds < 30;
  console.log(isAsSeen ? 'as seen' : 'CHANGED');
  process.exit(isAsSeen ? 0 : 1);
});
JS
node look.mjs
