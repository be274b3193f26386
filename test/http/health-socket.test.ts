import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openHealthSocket } from '../../src/http/health-socket.ts';

function makeFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'swarm-utils-health-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function open(context: TestContext, folder: string) {
  const socket = await openHealthSocket(folder);
  context.after(() => socket.server.close());
  return socket;
}

async function statusOf(folder: string, path = '/healthz', method = 'GET'): Promise<number | undefined> {
  const request = get({ socketPath: join(folder, 'health.sock'), path, method, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

test('the health is asked for by a socket in the folder, and nothing else is', async context => {
  const folder = makeFolder(context);
  await open(context, folder);
  assert.deepEqual(readdirSync(folder), ['health.sock']);
  assert.equal(await statusOf(folder), 200);
  for (const path of ['/readyz', '/', '/api/services', '/webhooks/github', '/healthz/']) {
    assert.equal(await statusOf(folder, path), 404);
  }
  assert.equal(await statusOf(folder, '/healthz', 'POST'), 404);
});

test('what was left in its place is replaced', async context => {
  const folder = makeFolder(context);
  writeFileSync(join(folder, 'health.sock'), '');
  writeFileSync(join(folder, 'health.sock.new'), '');
  await open(context, folder);
  assert.equal(await statusOf(folder), 200);
});

test('it is gone when it was removed', async context => {
  const folder = makeFolder(context);
  const socket = await open(context, folder);
  socket.remove();
  socket.server.close();
  await once(socket.server, 'close');
  assert.deepEqual(readdirSync(folder), []);
});

test('the end of the program before does not remove the socket of the next', async context => {
  const folder = makeFolder(context);
  const before = await open(context, folder);
  await open(context, folder);
  before.remove();
  before.server.close();
  await once(before.server, 'close');
  assert.equal(await statusOf(folder), 200);
});

test('a folder in which there can be none is an error that names the variable', async context => {
  const folder = join(makeFolder(context), 'nowhere');
  await assert.rejects(
    openHealthSocket(folder),
    /health\.sock \(SWARM_UTILS_DATA_DIR\) can't be opened: listen E/,
  );
  await assert.rejects(openHealthSocket(join(tmpdir(), 'x'.repeat(200))), /SWARM_UTILS_DATA_DIR/);
  assert.equal(existsSync(folder), false);
});
