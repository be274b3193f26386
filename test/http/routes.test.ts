import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmError } from '../../src/engine/swarm.ts';
import { adminToken, shopToken, startServer } from './start-server.ts';

test('healthz lives without the swarm', async context => {
  const { ask, swarm } = await startServer(context, { isStopping: () => true });
  const answer = await ask('/healthz');
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, { status: 'ok' });
  assert.equal(swarm.calls.length, 0);
});

test('readyz is 200 while the manager is one', async context => {
  const { ask, swarm } = await startServer(context);
  assert.deepEqual((await ask('/readyz')).json, { status: 'ready' });
  swarm.fail('checkManager', new SwarmError('unavailable', 'canary: This node is not a swarm manager.'));
  const answer = await ask('/readyz');
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'swarm_unavailable');
  assert.doesNotMatch(answer.text, /canary/);
  assert.equal((await ask('/readyz')).status, 200);
});

test('readyz says why an Engine that answers can not be worked with, and what to do', async context => {
  const { ask, swarm } = await startServer(context);
  for (const [error, code, advice] of [
    [
      new SwarmError('unavailable', 'canary', { reason: 'not_a_manager' }),
      'not_a_manager',
      /docker node promote/,
    ],
    [new SwarmError('unavailable', 'canary', { reason: 'no_leader' }), 'no_leader', /Bring managers back/],
    [new SwarmError('engine_too_old', 'Upgrade the Engine.'), 'engine_too_old', /^Upgrade the Engine\.$/],
    [new SwarmError('engine_too_new', 'Upgrade swarm-utils.'), 'engine_too_new', /^Upgrade swarm-utils\.$/],
    [new SwarmError('rejected', 'canary'), 'swarm_unavailable', /./],
    [new Error('canary'), 'swarm_unavailable', /./],
  ] as const) {
    swarm.fail('checkManager', error);
    const answer = await ask('/readyz');
    assert.deepEqual([answer.status, answer.json.error.code], [503, code]);
    assert.match(answer.json.error.message, advice);
    assert.doesNotMatch(answer.text, /canary/);
  }
});

test('readyz is 503 while stopping', async context => {
  const { ask } = await startServer(context, { isStopping: () => true });
  const answer = await ask('/readyz');
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'stopping');
});

test('however many ask for readyz at once, the Engine is asked once', async context => {
  const { ask, swarm } = await startServer(context);
  const release = swarm.hold('checkManager');
  const answers = Array.from({ length: 5 }, () => ask('/readyz'));
  await new Promise(resolve => setTimeout(resolve, 100));
  release();
  for (const answer of answers) {
    assert.equal((await answer).status, 200);
  }
  assert.equal(swarm.callsOf('checkManager').length, 1);
});

test('with a port of its own, webhooks are there only, and the API is not', async context => {
  const api = await startServer(context, { routes: 'api' });
  const webhooks = await startServer(context, { routes: 'webhooks' });
  const body = { serviceName: 'shop', token: shopToken };
  assert.equal((await api.update(body)).status, 200);
  assert.equal((await api.webhook({})).status, 404);
  assert.equal((await webhooks.webhook({})).status, 202);
  assert.equal((await webhooks.update(body)).status, 404);
  assert.equal((await webhooks.ask('/api/services', { token: adminToken })).status, 404);
  for (const server of [api, webhooks]) {
    assert.equal((await server.ask('/healthz')).status, 200);
    assert.equal((await server.ask('/readyz')).status, 200);
  }
});

test('what is no route is 404 in JSON', async context => {
  const { ask } = await startServer(context);
  for (const path of [
    '/',
    '/api',
    '/API/services',
    '/api/update',
    '/../api',
    '/api/services/a/b',
    '/metrics',
    '//',
  ]) {
    const answer = await ask(path, { token: adminToken });
    assert.equal(answer.status, 404, path);
    assert.equal(answer.json.error.code, 'not_found');
  }
});
