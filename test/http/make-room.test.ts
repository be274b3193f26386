import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminToken, startServer, type TestServer } from './start-server.ts';

const MAX_CONNECTIONS = 512;
const get = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
const slowBody =
  'POST /api/update/service HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{';

/** Takes every connection that there is, sends the same on each and leaves them open. */
async function occupy(context: TestContext, server: TestServer, bytes: string): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  context.after(() => sockets.map(socket => socket.destroy()));
  while (sockets.length < MAX_CONNECTIONS) {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
    await once(socket, 'connect');
    socket.write(bytes);
    if (bytes === get) {
      await once(socket, 'data');
    }
    socket.resume();
  }
  await sleep(100);
  return sockets;
}

for (const [what, bytes] of [
  ['that were used once', get],
  ['on which nothing was ever sent', ''],
  ['whose header does not end', 'GET /healthz HTTP/1.1\r\nHost: x\r\n'],
  ['whose body does not end', slowBody],
  ['that were used once and then do not end their header', `${get}GET /healthz HTTP/1.1\r\n`],
] as const) {
  test(`${MAX_CONNECTIONS} connections ${what} lock nobody out`, async context => {
    const server = await startServer(context);
    await occupy(context, server, bytes);
    for (let count = 0; count < 20; count += 1) {
      // Each on a connection of its own.
      const answer = await server.ask('/api/services', {
        token: adminToken,
        headers: { connection: 'close' },
      });
      assert.equal(answer.status, 200);
    }
  });
}

test('who waits for an answer is not cut off when others crowd in', async context => {
  const server = await startServer(context);
  server.operations.endAllWith({ status: 'running' });
  const waiting = server.update({ serviceName: 'shop', token: adminToken });
  while (server.operations.starts.length === 0) {
    await sleep(5);
  }
  await occupy(context, server, get);
  await occupy(context, server, '');
  server.operations.change('operation-1', { status: 'succeeded' });
  assert.equal((await waiting).status, 200);
});

test('below the crowd, connections are kept as long as ever', async context => {
  const server = await startServer(context);
  const first = connect(server.port, '127.0.0.1');
  context.after(() => first.destroy());
  first.write(get);
  await once(first, 'data');
  const others = Array.from({ length: 200 }, () => connect(server.port, '127.0.0.1'));
  context.after(() => others.map(socket => socket.destroy()));
  await Promise.all(others.map(socket => once(socket, 'connect')));
  first.write(get);
  assert.match(String(await once(first, 'data')), /^HTTP\/1\.1 200 /);
});
