import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeJwt, fakeTokenExpiry } from '../fixtures/fake-providers.ts';
import { adminToken, shopToken, startServer } from './start-server.ts';

const token = fakeJwt({ jti: 'one' });

test('the same request with the same OIDC token gets the same operation, and nothing runs twice', async context => {
  const { update, operations, replay } = await startServer(context);
  const body = { serviceName: 'shop', image: 'registry.test/acme/shop:2', token };
  const first = await update(body);
  const second = await update(body);
  assert.equal(first.status, 200);
  assert.equal(second.text, first.text);
  assert.equal(operations.starts.length, 1);
  assert.deepEqual(replay.bound.get('issuer one')?.expiresAt, fakeTokenExpiry);
});

test('how the answer is wanted is no part of the request that a token is bound to', async context => {
  const { update, operations } = await startServer(context);
  assert.equal((await update({ serviceName: 'shop', token, waitRes: false })).status, 202);
  assert.equal((await update({ serviceName: 'shop', token, waitRes: true })).status, 200);
  assert.equal(operations.starts.length, 1);
});

for (const [name, change] of [
  ['another image', { image: 'registry.test/acme/shop:3' }],
  ['force', { isForce: true }],
  ['no image', { image: undefined }],
] as const) {
  test(`an OIDC token used again with ${name} is 409 token_reused`, async context => {
    const { update, operations } = await startServer(context);
    const body = { serviceName: 'shop', image: 'registry.test/acme/shop:2', token };
    await update(body);
    const answer = await update({ ...body, ...change });
    assert.equal(answer.status, 409);
    assert.equal(answer.json.error.code, 'token_reused');
    assert.equal(operations.starts.length, 1);
  });
}

test('an OIDC token used again on another service that it may update is 409', async context => {
  const { update, swarm, operations } = await startServer(context);
  const labels = (await swarm.findService('shop'))?.labels ?? {};
  swarm.addService({ name: 'shop-worker', image: 'registry.test/acme/shop:1', labels });
  await update({ serviceName: 'shop', token });
  assert.equal((await update({ serviceName: 'shop-worker', token })).status, 409);
  assert.equal(operations.starts.length, 1);
});

test('a service that was made anew under the same name is another target', async context => {
  const { update, swarm } = await startServer(context);
  await update({ serviceName: 'shop', token });
  const service = swarm.changeService('shop-id', {});
  swarm.deleteService('shop-id');
  swarm.addService({ ...service, id: 'other-id' });
  assert.equal((await update({ serviceName: 'shop', token })).status, 409);
});

test('of ten requests with one token at once, one starts an operation and all get it', async context => {
  const { update, operations } = await startServer(context);
  const answers = await Promise.all(Array.from({ length: 10 }, () => update({ serviceName: 'shop', token })));
  assert.equal(operations.starts.length, 1);
  assert.deepEqual([...new Set(answers.map(({ json }) => json.id))], ['operation-1']);
});

test('of different requests with one token at once, one wins', async context => {
  const { update, operations } = await startServer(context);
  const answers = await Promise.all(
    ['2', '3', '4', '5'].map(tag =>
      update({ serviceName: 'shop', image: `registry.test/acme/shop:${tag}`, token }),
    ),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409]);
  assert.equal(operations.starts.length, 1);
});

test('a refused request does not use the token up', async context => {
  const { update } = await startServer(context);
  assert.equal((await update({ serviceName: 'shop', image: 'registry.test/evil:1', token })).status, 422);
  assert.equal((await update({ serviceName: 'blog', token })).status, 404);
  assert.equal((await update({ serviceName: 'shop', token })).status, 200);
});

test('reading and explaining do not use the token up', async context => {
  const { ask, update, replay } = await startServer(context);
  await ask('/api/services', { token });
  await ask('/api/operations', { token });
  await ask('/api/explain', { body: { action: 'update', serviceName: 'shop' }, token });
  assert.equal(replay.bound.size, 0);
  assert.equal(
    (await update({ serviceName: 'shop', image: 'registry.test/acme/shop:2', token })).status,
    200,
  );
});

test('a token whose operation is forgotten starts nothing again', async context => {
  const { update, operations } = await startServer(context);
  await update({ serviceName: 'shop', token });
  operations.forget('operation-1');
  assert.equal((await update({ serviceName: 'shop', token })).status, 409);
  assert.equal(operations.starts.length, 1);
});

test('while stopping, a request that was accepted before gets its operation', async context => {
  let isStopping = false;
  const { update } = await startServer(context, { isStopping: () => isStopping });
  await update({ serviceName: 'shop', token });
  isStopping = true;
  assert.equal((await update({ serviceName: 'shop', token })).status, 200);
});

test('plain and admin tokens may be used as often as one likes', async context => {
  const { update, operations } = await startServer(context);
  for (const plain of [shopToken, shopToken, adminToken, adminToken]) {
    assert.equal((await update({ serviceName: 'shop', token: plain })).status, 200);
  }
  assert.equal(operations.starts.length, 4);
});
