#!/bin/sh
# docker-modem 5.0.7: an answer whose JSON is `null` (or `false`, `0`, `""`) reaches the caller as a Buffer, not as the value.
#
# The modem takes whatever it parsed when that is truthy, and the raw bytes otherwise. Engines answer `null` for some lists
# that are empty, and a Buffer has `map`, `filter` and `length`, so the mistake is a list of bytes and not an error.
#
# Seen: `[]` is an Array of 0; `null` is a Buffer of 4 bytes, whose first element is the number 110.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit --ignore-scripts docker-modem@5.0.7
cat >look.cjs <<'JS'
const http = require('node:http');
const Modem = require('docker-modem');
const server = http.createServer((request, response) => {
  response.setHeader('Content-Type', 'application/json');
  response.end(request.url === '/null' ? 'null' : '[]');
});
const ask = (modem, path) =>
  new Promise((resolve, reject) => {
    const options = { path, method: 'GET', statusCodes: { 200: true } };
    modem.dial(options, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
server.listen(0, '127.0.0.1', async () => {
  const modem = new Modem({ protocol: 'http', host: '127.0.0.1', port: server.address().port });
  const empty = await ask(modem, '/empty');
  const none = await ask(modem, '/null');
  console.log(`[]   -> ${empty.constructor.name} of ${empty.length}`);
  console.log(`null -> ${none.constructor.name} of ${none.length}, first element ${none[0]}`);
  server.close();
  const isAsSeen = Array.isArray(empty) && Buffer.isBuffer(none) && none.length === 4 && none[0] === 110;
  console.log(isAsSeen ? 'as seen' : 'CHANGED');
  process.exit(isAsSeen ? 0 : 1);
});
JS
node look.cjs
