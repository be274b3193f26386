import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { adminToken, blogToken, shopToken, startServer, type TestServer } from './start-server.ts';

const accept = { accept: 'text/event-stream' };

/** Opens a stream and collects what comes. */
async function open(
  server: TestServer,
  path: string,
  options: { method?: string; body?: string; token?: string },
) {
  const outgoing = request(`${server.url}${path}`, {
    method: options.method ?? 'GET',
    headers: {
      ...accept,
      'content-type': 'application/json',
      authorization: `Bearer ${options.token ?? shopToken}`,
    },
  });
  outgoing.on('error', () => {});
  outgoing.end(options.body);
  const response = await new Promise<import('node:http').IncomingMessage>(resolve =>
    outgoing.once('response', resolve),
  );
  let text = '';
  response.setEncoding('utf8');
  response.on('error', () => {});
  response.on('data', chunk => {
    text += chunk;
  });
  const ended = new Promise<void>(resolve => response.once('end', resolve));
  const until = async (pattern: RegExp) => {
    const giveUpAt = Date.now() + 2000;
    while (!pattern.test(text)) {
      assert.ok(Date.now() < giveUpAt, `${pattern} did not come: ${text}`);
      await new Promise(resolve => setTimeout(resolve, 5));
    }
  };
  return { response, text: () => text, ended, until, leave: () => outgoing.destroy() };
}

/** The events of a stream: name and data. */
function eventsOf(text: string): (readonly [string, unknown])[] {
  return text
    .split('\n\n')
    .filter(block => block.includes('event: '))
    .map(block => {
      const { id, name, data } =
        /^id: (?<id>\d+)\nevent: (?<name>\w+)\ndata: (?<data>.*)$/.exec(block)?.groups ?? {};
      assert.ok(id && name && data, block);
      return [name, JSON.parse(data)] as const;
    });
}

test('an update that is asked for as a stream tells its progress and ends with the verdict', async context => {
  const server = await startServer(context);
  server.operations.endAllWith({ status: 'queued' });
  const stream = await open(server, '/api/update/service', {
    method: 'POST',
    body: JSON.stringify({ serviceName: 'shop' }),
  });
  assert.equal(stream.response.statusCode, 200);
  assert.match(stream.response.headers['content-type'] ?? '', /^text\/event-stream\b/);
  assert.equal(stream.response.headers['cache-control'], 'no-store');
  await stream.until(/event: status/);
  const id = 'operation-1';
  server.operations.change(id, { status: 'running' });
  server.operations.emit(id, { type: 'step', step: { name: 'rollout', status: 'running' } });
  server.operations.emit(id, { type: 'progress', step: 'rollout', message: '1 of 2\ntasks' });
  server.operations.change(id, { status: 'rolled_back' });
  await stream.ended;
  const events = eventsOf(stream.text());
  assert.deepEqual(
    events.map(([name]) => name),
    ['status', 'status', 'step', 'progress', 'finished'],
  );
  assert.deepEqual(events[2]?.[1], { name: 'rollout', status: 'running' });
  assert.deepEqual(events[3]?.[1], { step: 'rollout', message: '1 of 2\ntasks' });
  assert.deepEqual(events[4]?.[1], server.operations.get(id));
});

test('a refusal is JSON with its own status, stream or not', async context => {
  const server = await startServer(context);
  const answer = await server.update({ serviceName: 'shop', token: 'junk' }, { headers: accept });
  assert.equal(answer.status, 401);
  assert.equal(answer.json.error.code, 'unauthorized');
});

test('who accepts anything gets JSON', async context => {
  const { update } = await startServer(context);
  for (const value of ['*/*', 'text/html', 'application/json, text/event-stream']) {
    const answer = await update({ serviceName: 'shop', token: shopToken }, { headers: { accept: value } });
    assert.equal(answer.json.status, 'succeeded');
  }
});

test('waitRes=false is 202 also for who would take a stream', async context => {
  const { update } = await startServer(context);
  const body = { serviceName: 'shop', token: shopToken, waitRes: false };
  assert.equal((await update(body, { headers: accept })).status, 202);
});

test('the events of an operation: its present state, what follows, its end', async context => {
  const server = await startServer(context);
  server.operations.endAllWith({ status: 'running' });
  await server.update({ serviceName: 'shop', token: shopToken, waitRes: false });
  const stream = await open(server, '/api/operations/operation-1/events', {});
  await stream.until(/event: status/);
  server.operations.change('operation-1', { status: 'succeeded' });
  await stream.ended;
  assert.deepEqual(
    eventsOf(stream.text()).map(([name]) => name),
    ['status', 'finished'],
  );
  assert.equal(server.operations.watchersOf('operation-1'), 0);
});

test('the events of an operation that has ended end at once, also for who comes back', async context => {
  const { ask, update } = await startServer(context);
  await update({ serviceName: 'shop', token: shopToken });
  const path = '/api/operations/operation-1/events';
  const { text } = await ask(path, { token: shopToken });
  assert.equal(eventsOf(text).at(-1)?.[0], 'finished');
  const again = await ask(path, { token: shopToken, headers: { 'last-event-id': '17' } });
  assert.equal(again.text, text);
  const head = await ask(path, { method: 'HEAD', token: shopToken });
  assert.equal(head.status, 200);
  assert.equal(head.text, '');
});

test('who leaves is forgotten, and the operation goes on', async context => {
  const server = await startServer(context);
  server.operations.endAllWith({ status: 'running' });
  const stream = await open(server, '/api/update/service', {
    method: 'POST',
    body: JSON.stringify({ serviceName: 'shop' }),
  });
  await stream.until(/event: status/);
  assert.equal(server.operations.watchersOf('operation-1'), 1);
  stream.leave();
  const giveUpAt = Date.now() + 2000;
  while (server.operations.watchersOf('operation-1') > 0 && Date.now() < giveUpAt) {
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  assert.equal(server.operations.watchersOf('operation-1'), 0);
  assert.equal(server.operations.get('operation-1')?.status, 'running');
});

test('who leaves while waiting for the verdict does no harm', async context => {
  const server = await startServer(context);
  server.operations.endAllWith({ status: 'running' });
  const abort = new AbortController();
  const waiting = fetch(`${server.url}/api/update/service`, {
    method: 'POST',
    signal: abort.signal,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ serviceName: 'shop', token: shopToken }),
  });
  await new Promise(resolve => setTimeout(resolve, 50));
  abort.abort();
  await assert.rejects(waiting);
  server.operations.change('operation-1', { status: 'succeeded' });
  assert.equal(
    (await server.ask('/api/operations/operation-1', { token: shopToken })).json.status,
    'succeeded',
  );
  assert.doesNotMatch(server.logged(), /http\.internal/);
});

test('a silent stream is kept alive by comments', async context => {
  const server = await startServer(context, { heartbeatMs: 20 });
  server.operations.endAllWith({ status: 'running' });
  await server.update({ serviceName: 'shop', token: shopToken, waitRes: false });
  const stream = await open(server, '/api/operations/operation-1/events', { token: adminToken });
  await stream.until(/(: still here\n\n){3}/);
  server.operations.change('operation-1', { status: 'failed' });
  await stream.ended;
  assert.equal(eventsOf(stream.text()).at(-1)?.[0], 'finished');
});

test('a stream is for who may read the service', async context => {
  const { ask, update } = await startServer(context);
  await update({ serviceName: 'shop', token: shopToken });
  const path = '/api/operations/operation-1/events';
  assert.equal((await ask(path, { token: blogToken, headers: accept })).status, 404);
  assert.equal((await ask(path, { headers: accept })).status, 401);
});
