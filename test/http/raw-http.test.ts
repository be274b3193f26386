import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { adminToken, shopToken, startServer } from './start-server.ts';

/** Sends bytes as they are and reads until the server closes. */
async function send(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('latin1');
  socket.write(bytes, 'latin1');
  let text = '';
  try {
    for await (const chunk of socket) {
      text += chunk;
    }
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET');
  }
  return text;
}

const body = JSON.stringify({ serviceName: 'shop' });
const head = (...lines: string[]) => `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`;
const post = 'POST /api/update/service HTTP/1.1';
const host = 'Host: x';
const json = 'Content-Type: application/json';
const length = `Content-Length: ${body.length}`;
const bearer = (token: string) => `Authorization: Bearer ${token}`;

const refused: readonly (readonly [string, string, number])[] = [
  ['garbage', 'what is this\r\n\r\n', 400],
  ['another protocol', '\x16\x03\x01\x02\x00\x01\x00', 400],
  ['no Host', `${head(post, json, length, bearer(adminToken))}${body}`, 400],
  ['two Hosts', `${head(post, host, 'Host: y', json, length, bearer(adminToken))}${body}`, 400],
  [
    'two Authorizations',
    `${head(post, host, json, length, bearer(adminToken), bearer(shopToken))}${body}`,
    400,
  ],
  [
    'two content types',
    `${head(post, host, json, 'Content-Type: text/plain', length, bearer(adminToken))}${body}`,
    400,
  ],
  ['two lengths', `${head(post, host, json, length, 'Content-Length: 1', bearer(adminToken))}${body}`, 400],
  [
    'a length and chunks',
    `${head(post, host, json, length, 'Transfer-Encoding: chunked', bearer(adminToken))}0\r\n\r\n`,
    400,
  ],
  ['a folded header', `${head(post, host, json, length, 'X-A: 1\r\n Authorization: Bearer x')}${body}`, 400],
  [
    'a space before the colon',
    `${head(post, host, json, length, `Authorization : Bearer ${adminToken}`)}${body}`,
    400,
  ],
  ['a bare line feed', `${post}\n${host}\n\n`, 400],
  ['a header of 40 KiB', head('GET /healthz HTTP/1.1', host, `X-A: ${'a'.repeat(40 * 1024)}`), 431],
  ['a URL of 40 KiB', head(`GET /${'a'.repeat(40 * 1024)} HTTP/1.1`, host), 431],
  ['a token of 17 KiB', `${head(post, host, json, length, bearer('a'.repeat(17 * 1024)))}${body}`, 401],
  ['a negative length', `${head(post, host, json, 'Content-Length: -1')}`, 400],
];
for (const [name, bytes, status] of refused) {
  test(`${name} is ${status} in the form of every other error, and nothing runs`, async context => {
    const { port, operations, logged } = await startServer(context);
    const answer = await send(port, bytes);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    const { error } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
    assert.equal(typeof error.code, 'string');
    assert.equal(typeof error.message, 'string');
    assert.equal(operations.starts.length, 0);
    assert.doesNotMatch(logged(), /http\.internal/);
  });
}

test('a request that is smuggled behind another one is a request of its own', async context => {
  const { port, operations } = await startServer(context);
  const smuggled = `${head(post, host, json, length)}${body}`;
  const first = `GET /healthz HTTP/1.1\r\n${host}\r\n${bearer(adminToken)}\r\n\r\n`;
  const answer = await send(port, first + smuggled);
  assert.match(answer, /^HTTP\/1\.1 200 .*HTTP\/1\.1 401 /s);
  assert.equal(operations.starts.length, 0);
});

test('an Expect header that is unknown is passed over', async context => {
  const { port } = await startServer(context);
  const answer = await send(port, head('GET /healthz HTTP/1.1', host, 'Expect: miracles'));
  assert.match(answer, /^HTTP\/1\.1 200 /);
});

test('a sender that leaves in the middle of its body leaves nothing behind', async context => {
  const { port, ask, logged } = await startServer(context);
  const socket = connect(port, '127.0.0.1');
  socket.write(`${post}\r\n${host}\r\n${json}\r\nContent-Length: 1000\r\n\r\n{"serviceName"`);
  await new Promise(resolve => setTimeout(resolve, 50));
  socket.destroy();
  await new Promise(resolve => setTimeout(resolve, 50));
  assert.equal((await ask('/healthz')).status, 200);
  assert.doesNotMatch(logged(), /http\.internal|access\.refused/);
});

test('a body that is too large is refused before it is there', async context => {
  const { port } = await startServer(context);
  for (const path of ['/api/update/service', '/webhooks/github']) {
    const answer = await send(
      port,
      head(`POST ${path} HTTP/1.1`, host, json, `Content-Length: ${26 * 1024 * 1024}`),
    );
    assert.match(answer, /^HTTP\/1\.1 413 /);
  }
});

test('a body of which nobody knows the end is cut off, and nothing runs', async context => {
  const { port, operations, logged } = await startServer(context);
  const answer = await send(
    port,
    `${head(post, host, json, 'Transfer-Encoding: x', bearer(adminToken))}${body}`,
  );
  assert.equal(answer, '');
  assert.equal(operations.starts.length, 0);
  assert.doesNotMatch(logged(), /http\.internal/);
});

test('a chunked body that grows too large is refused while it comes', async context => {
  const { port } = await startServer(context);
  const chunk = `8000\r\n${' '.repeat(0x8000)}\r\n`;
  const answer = await send(port, head(post, host, json, 'Transfer-Encoding: chunked') + chunk.repeat(3));
  assert.match(answer, /^HTTP\/1\.1 413 /);
});
