import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createGithubWebhooks } from '../../providers/github.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { shopIdentity, shopPush } from '../fixtures/fake-providers.ts';
import { observable, startServer } from './start-server.ts';

test('a signed push starts the services that ask for it, and is answered before they are done', async context => {
  const { webhook, operations, swarm } = await startServer(context);
  operations.endAllWith({ status: 'running' });
  const answer = await webhook({});
  assert.equal(answer.status, 202);
  assert.deepEqual(answer.json, {
    operations: [{ id: 'operation-1', action: 'update', serviceName: 'shop' }],
  });
  const [start] = operations.starts;
  assert.equal(start?.isPatient, true);
  assert.deepEqual(start?.request, { action: 'update', isForce: false });
  assert.equal(start?.caller.kind, 'delivery');
  assert.deepEqual(swarm.calls, [
    { method: 'listServices', args: ['swarm-utils.update.github.on'] },
    { method: 'listServices', args: ['swarm-utils.clean.github.on'] },
    { method: 'listServices', args: ['swarm-utils.backup.github.on'] },
    { method: 'listServices', args: ['swarm-utils.restore.github.on'] },
  ]);
});

test('the image of the event, or of the label, is the one that is asked for', async context => {
  const { webhook, operations, swarm } = await startServer(context);
  const labels = (await swarm.findService('shop'))?.labels ?? {};
  swarm.changeService('shop-id', {
    labels: { ...labels, 'swarm-utils.update.image': 'registry.test/acme/shop:{short_sha}' },
  });
  await webhook({ replayKey: '1' });
  await webhook({ replayKey: '2', image: 'registry.test/acme/shop:7' });
  assert.deepEqual(
    operations.starts.map(({ request }) => request.action === 'update' && request.image?.tag),
    ['aaaaaaa', '7'],
  );
});

test('an event that lacks what the image label needs starts nothing, and the log says why', async context => {
  const { webhook, operations, swarm, logged } = await startServer(context);
  const labels = (await swarm.findService('shop'))?.labels ?? {};
  swarm.changeService('shop-id', {
    labels: { ...labels, 'swarm-utils.update.image': 'registry.test/acme/shop:{tag}' },
  });
  const answer = await webhook({});
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json.operations, []);
  assert.equal(operations.starts.length, 0);
  assert.match(logged(), /"serviceName":"shop","reason":"image_unknown"/);
});

test('every service that names the repository is started, and no other', async context => {
  const { webhook, operations, swarm } = await startServer(context);
  const labels = (await swarm.findService('shop'))?.labels ?? {};
  swarm.addService({ name: 'shop-worker', image: 'registry.test/acme/shop:1', labels });
  swarm.addService({
    name: 'shop-evil',
    image: 'registry.test/acme/shop:1',
    labels: { ...labels, 'swarm-utils.update.github.repository': 'acme/shop-evil' },
  });
  await webhook({});
  assert.deepEqual(
    operations.starts.map(({ target }) => target.name),
    ['shop', 'shop-worker'],
  );
});

const unasked = [
  ['another repository', { identity: { ...shopIdentity, repository: 'evil/shop' } }],
  ['another branch', { identity: { ...shopIdentity, ref: 'refs/heads/evil' } }],
  ['another event', { event: 'release' }],
  ['an image that is not allowed', { image: 'registry.test/evil/shop:1' }],
] as const;
for (const [name, change] of unasked) {
  test(`${name} is 200 without operations, and names no service`, async context => {
    const { webhook, operations, replay } = await startServer(context);
    const answer = await webhook(change);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json.operations, []);
    assert.match(answer.json.ignored, /^No service takes (push|release) of (acme|evil)\/shop;/);
    assert.equal(operations.starts.length, 0);
    assert.equal(replay.bound.size, 0);
  });
}

test('the log says which services named the repository and why they were not started', async context => {
  const { webhook, logged } = await startServer(context);
  await webhook({ identity: { ...shopIdentity, ref: 'refs/heads/evil' } });
  assert.match(logged(), /"level":"info".*"serviceName":"shop","reason":"ref_mismatch"/);
});

test('services of other repositories are not in the log', async context => {
  const { webhook, log } = await startServer(context);
  await webhook({ identity: { ...shopIdentity, repository: 'evil/shop' } });
  assert.deepEqual(log, []);
});

test('the path decides the provider: a gitlab delivery is no github one', async context => {
  const { webhook, operations, swarm } = await startServer(context);
  const answer = await webhook({}, { provider: 'gitlab' });
  assert.deepEqual(answer.json.operations, []);
  assert.equal(operations.starts.length, 0);
  assert.deepEqual(swarm.callsOf('listServices'), [
    ['swarm-utils.update.gitlab.on'],
    ['swarm-utils.clean.gitlab.on'],
    ['swarm-utils.backup.gitlab.on'],
    ['swarm-utils.restore.gitlab.on'],
  ]);
});

test('an event that starts nothing whoever asks is 200 with the reason', async context => {
  const { webhook, swarm } = await startServer(context);
  const answer = await webhook({ ignore: 'A ping starts nothing.' });
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, { operations: [], ignored: 'A ping starts nothing.' });
  assert.equal(swarm.calls.length, 0);
});

test('a delivery that comes again gets the first answer, and nothing runs twice', async context => {
  const { webhook, operations, swarm } = await startServer(context);
  const first = await webhook({});
  swarm.deleteService('shop-id');
  const second = await webhook({});
  assert.deepEqual(observable(second), observable(first));
  assert.equal(operations.starts.length, 1);
});

test('of a delivery that comes ten times at once, one starts operations and all get them', async context => {
  const { webhook, operations } = await startServer(context);
  const answers = await Promise.all(Array.from({ length: 10 }, () => webhook({})));
  assert.deepEqual([...new Set(answers.map(({ text }) => text))].length, 1);
  assert.equal(operations.starts.length, 1);
});

test('a delivery whose operations are forgotten starts nothing again', async context => {
  const { webhook, operations } = await startServer(context);
  await webhook({});
  operations.forget('operation-1');
  const answer = await webhook({});
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, { operations: [], ignored: 'This delivery was handled before.' });
  assert.equal(operations.starts.length, 1);
});

test('a delivery that started nothing may start something when it is sent again', async context => {
  const { webhook, swarm } = await startServer(context);
  const labels = (await swarm.findService('shop'))?.labels ?? {};
  swarm.changeService('shop-id', { labels: {} });
  assert.equal((await webhook({})).status, 200);
  swarm.changeService('shop-id', { labels });
  assert.equal((await webhook({})).status, 202);
});

test('a delivery is remembered for years, since its signature has no end', async context => {
  const { webhook, replay } = await startServer(context);
  await webhook({});
  const years = (replay.bound.get(shopPush.replayKey)?.expiresAt.getTime() ?? 0) - Date.now();
  assert.ok(years > 5 * 365 * 24 * 60 * 60 * 1000);
});

test('a wrong signature is 401 and asks the swarm nothing', async context => {
  const { webhook, swarm, log } = await startServer(context);
  const answer = await webhook({}, { headers: { 'x-fake-signature': 'bad' } });
  assert.equal(answer.status, 401);
  assert.equal(answer.json.error.code, 'unauthorized');
  assert.equal(swarm.calls.length, 0);
  const entry = JSON.parse(log[0] ?? '');
  assert.equal(entry.event, 'access.refused');
  assert.equal(entry.route, 'POST /webhooks/github');
  assert.equal(entry.reason, 'the signature is wrong');
});

test('an empty body is verified like any other', async context => {
  const { ask } = await startServer(context);
  assert.equal((await ask('/webhooks/github', { method: 'POST' })).status, 401);
});

test('what the platform would not send is 400, and the log says what is wrong with it', async context => {
  const { webhook, logged } = await startServer(context);
  const answer = await webhook({ fail: 'malformed' });
  assert.equal(answer.status, 400);
  assert.doesNotMatch(answer.text, /fake verifier/);
  assert.match(logged(), /"webhook.malformed".*fake verifier/);
});

test('an engine that can not be reached is 503, so that the platform sends it again', async context => {
  const { webhook, swarm, replay } = await startServer(context);
  swarm.fail('listServices', new SwarmError('unavailable', 'no'));
  assert.equal((await webhook({})).status, 503);
  assert.equal(replay.bound.size, 0);
  assert.equal((await webhook({})).status, 202);
});

test('an engine that is slow is 503 in time, and starts nothing later', async context => {
  const { webhook, swarm, operations } = await startServer(context, { webhookDeadlineMs: 100 });
  const release = swarm.hold('listServices');
  const answer = await webhook({});
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'swarm_unavailable');
  release();
  await new Promise(resolve => setTimeout(resolve, 50));
  assert.equal(operations.starts.length, 0);
});

test('while stopping a new delivery is 503, and a known one gets its answer', async context => {
  let isStopping = false;
  const { webhook } = await startServer(context, { isStopping: () => isStopping });
  await webhook({});
  isStopping = true;
  assert.equal((await webhook({})).status, 202);
  assert.equal((await webhook({ replayKey: 'new' })).status, 503);
  assert.equal((await webhook({ ignore: 'A ping.' })).status, 200);
});

test('a form is 415: the platform must be told to send JSON', async context => {
  const { webhook } = await startServer(context);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  assert.equal((await webhook({}, { headers })).status, 415);
});

test('the raw bytes are what is verified', async context => {
  const seen: string[] = [];
  const verifier = {
    maxBodyBytes: 1024,
    verifyWebhook: async ({ body }: { readonly body: Buffer }) => {
      seen.push(body.toString());
      return { kind: 'ignored', event: 'ping', reason: 'x' } as const;
    },
  };
  const providers = { webhooks: new Map([['github', verifier] as const]) };
  const { webhook } = await startServer(context, { providers });
  const body = ' {"a" : "\\u0041", "a":1}\n';
  await webhook(body as unknown as object);
  assert.deepEqual(seen, [body]);
});

test('a webhook of 1 MiB is taken', async context => {
  const { webhook } = await startServer(context);
  assert.equal((await webhook({ padding: 'x'.repeat(1024 * 1024) })).status, 202);
});

test('a body that is larger than its provider takes is refused before it is there', async context => {
  const { port } = await startServer(context);
  const socket = openLargeBody(context, port, 5 * 1024 * 1024 + 1);
  const [answer] = await once(socket.setEncoding('utf8'), 'data');
  assert.match(answer, /^HTTP\/1\.1 413 /);
});

test('a body of too many values is 401 like any forgery, and the log says why', async context => {
  const providers = {
    webhooks: new Map([['github', createGithubWebhooks({ masterKey: 'k'.repeat(32) })] as const]),
  };
  const { ask, logged } = await startServer(context, { providers });
  const forged = await ask('/webhooks/github', { body: {} });
  const body = Buffer.from(`{"repository":{"full_name":"a/b"},"x":[${'{},'.repeat(1_500_000)}0]}`);
  const answer = await ask('/webhooks/github', { body });
  assert.equal(answer.status, 401);
  assert.deepEqual(observable(answer), observable(forged));
  assert.match(logged(), /"reason":"larger than what is parsed before it is verified"/);
});

test('few large bodies are let in at a time, and small ones are not held up', async context => {
  const { port, webhook } = await startServer(context);
  const sockets = Array.from({ length: 4 }, () => openLargeBody(context, port));
  await new Promise(resolve => setTimeout(resolve, 100));
  const large = { padding: 'x'.repeat(300 * 1024) };
  const answer = await webhook(large);
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'overloaded');
  assert.equal((await webhook({})).status, 202);
  for (const socket of sockets) {
    socket.destroy();
  }
  await new Promise(resolve => setTimeout(resolve, 100));
  assert.equal((await webhook({ ...large, replayKey: 'large' })).status, 202);
});

function openLargeBody(context: TestContext, port: number, length = 5_000_000) {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  context.after(() => socket.destroy());
  const headers = `Host: x\r\nContent-Type: application/json\r\nContent-Length: ${length}`;
  socket.write(`POST /webhooks/github HTTP/1.1\r\n${headers}\r\n\r\n{`);
  return socket;
}

test('a webhook starts every action whose grant names the event, each by its own grant', async context => {
  const { webhook, operations, swarm } = await startServer(context);
  const cleans = {
    'swarm-utils.clean.enable': 'true',
    'swarm-utils.clean.exec': 'true',
    'swarm-utils.clean.github.repository': 'acme/shop',
    'swarm-utils.clean.github.ref': 'refs/heads/main',
    'swarm-utils.clean.github.on': 'push',
  };
  const labels = (await swarm.findService('shop'))?.labels ?? {};
  swarm.changeService('shop-id', { labels: { ...labels, ...cleans } });
  swarm.changeService('blog-id', {
    labels: { ...cleans, 'swarm-utils.clean.github.ref': 'refs/heads/other' },
  });
  swarm.addService({ name: 'cache', labels: cleans });
  const answer = await webhook({});
  assert.equal(answer.status, 202);
  assert.deepEqual(
    answer.json.operations.map(
      (one: { action: string; serviceName: string }) => `${one.action} ${one.serviceName}`,
    ),
    ['update shop', 'clean shop', 'clean cache'],
  );
  assert.deepEqual(operations.starts[1]?.request, { action: 'clean', targetKind: 'service' });
});
