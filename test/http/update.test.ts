import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperationErrorCode } from '../../src/core/errors.ts';
import type { Operation } from '../../src/core/operation.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { fakeJwt } from '../fixtures/fake-providers.ts';
import { adminToken, blogToken, shopToken, startServer } from './start-server.ts';

test("the seed's own body, token in it, updates the service and answers with the verdict", async context => {
  const { update, operations } = await startServer(context);
  const answer = await update({
    token: shopToken,
    serviceName: 'shop',
    image: 'registry.test/acme/shop:2',
    isForce: true,
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.json.status, 'succeeded');
  assert.deepEqual(answer.json.target, { kind: 'service', id: 'shop-id', name: 'shop' });
  const [start] = operations.starts;
  assert.deepEqual(start?.request, {
    action: 'update',
    image: { registry: 'registry.test', repository: 'acme/shop', tag: '2' },
    isForce: true,
  });
  assert.equal(start?.isPatient, false);
});

for (const [name, token, kind] of [
  ['a plain token', shopToken, 'token'],
  ['an admin token', adminToken, 'admin'],
  ['an OIDC token', fakeJwt({ jti: '1' }), 'workload'],
] as const) {
  test(`${name} in the Authorization header starts an update`, async context => {
    const { update, operations } = await startServer(context);
    assert.equal((await update({ serviceName: 'shop' }, { token })).status, 200);
    assert.equal(operations.starts[0]?.caller.kind, kind);
  });
}

test('an OIDC token in the body starts an update, and so does the same credential in both places', async context => {
  const { update } = await startServer(context);
  const token = fakeJwt({ jti: '1' });
  assert.equal((await update({ serviceName: 'shop', token })).status, 200);
  assert.equal((await update({ serviceName: 'shop', token }, { token })).status, 200);
});

test('two different credentials are malformed, and nothing runs', async context => {
  const { update, operations } = await startServer(context);
  const answer = await update({ serviceName: 'shop', token: blogToken }, { token: shopToken });
  assert.equal(answer.status, 400);
  assert.deepEqual(answer.json.error.details, ['token: differs from the Authorization header']);
  assert.equal(operations.starts.length, 0);
});

test('a credential that was mixed up with the image is malformed, and not repeated or kept', async context => {
  const { update, ask, operations, swarm, logged } = await startServer(context);
  const any = { 'swarm-utils.update.enable': 'true', 'swarm-utils.update.image-allow': '*' };
  swarm.changeService('shop-id', { labels: { ...any, 'swarm-utils.update.token': shopToken } });
  for (const image of [shopToken, `registry.test/${shopToken}:1`, `registry.test/acme/shop:${shopToken}`]) {
    for (const answer of [
      await update({ serviceName: 'shop', image, token: shopToken }),
      await update(
        { serviceName: 'shop', image: image.replace(shopToken, adminToken) },
        { token: adminToken },
      ),
      await ask('/api/explain', {
        body: { action: 'update', serviceName: 'shop', image },
        token: shopToken,
      }),
    ]) {
      assert.equal(answer.status, 400);
      assert.deepEqual(answer.json.error.details, ['image: has the credential in it']);
    }
  }
  assert.equal(operations.starts.length, 0);
  assert.doesNotMatch(logged(), /canary-/);
});

test('a JWT is a plain token where no OIDC is configured', async context => {
  const jwt = fakeJwt({ jti: '1' });
  const { update, swarm } = await startServer(context, { providers: { webhooks: new Map() } });
  assert.equal((await update({ serviceName: 'shop', token: jwt })).status, 401);
  swarm.changeService('shop-id', {
    labels: { 'swarm-utils.update.enable': 'true', 'swarm-utils.update.token': jwt },
  });
  assert.equal((await update({ serviceName: 'shop', token: jwt })).status, 200);
});

test('a token of non-ASCII characters is the same in header and body', async context => {
  const { ask, swarm } = await startServer(context);
  swarm.changeService('shop-id', {
    labels: { 'swarm-utils.update.enable': 'true', 'swarm-utils.update.token': 'пароль-ü' },
  });
  const header = Buffer.from('пароль-ü').toString('latin1');
  const answer = await ask('/api/update/service', {
    body: { serviceName: 'shop', token: 'пароль-ü' },
    headers: { authorization: `Bearer ${header}` },
  });
  assert.equal(answer.status, 200);
});

test('strings "true" and "false" of shell callers are booleans', async context => {
  const { update, operations } = await startServer(context);
  const body = { serviceName: 'shop', token: shopToken, isForce: 'true', waitRes: 'false' };
  assert.equal((await update(body)).status, 202);
  assert.deepEqual(operations.starts[0]?.request, { action: 'update', isForce: true });
});

const verdicts: readonly (readonly [number, Partial<Operation>])[] = [
  [200, { status: 'succeeded' }],
  [200, { status: 'unchanged' }],
  [424, { status: 'failed' }],
  [424, { status: 'rolled_back', error: { code: 'rolled_back', message: 'rolled back' } }],
  [504, { status: 'timed_out', error: { code: 'timed_out', message: 'timed out' } }],
  [503, { status: 'interrupted', error: { code: 'interrupted', message: 'interrupted' } }],
  ...(
    [
      [409, 'busy'],
      [409, 'helper_busy'],
      [424, 'image_not_found'],
      [424, 'update_paused'],
      [424, 'registry_unauthorized'],
      [424, 'not_scheduled'],
      [503, 'swarm_unavailable'],
      [500, 'internal'],
    ] satisfies (readonly [number, OperationErrorCode])[]
  ).map(([status, code]): readonly [number, Partial<Operation>] => [
    status,
    { status: 'failed', error: { code, message: `it was ${code}` } },
  ]),
];
for (const [status, end] of verdicts) {
  test(`${end.status} ${end.error?.code ?? ''} is answered ${status} with the operation as the body`, async context => {
    const { update, operations } = await startServer(context);
    operations.endAllWith(end);
    const answer = await update({ serviceName: 'shop', token: shopToken });
    assert.equal(answer.status, status);
    assert.equal(answer.json.id, 'operation-1');
    assert.equal(answer.json.status, end.status);
    assert.deepEqual(answer.json.error, end.error);
    assert.equal(answer.headers['retry-after'], status === 409 ? '7' : undefined);
  });
}

test('the answer waits for the verdict, however long that takes', async context => {
  const { update, operations } = await startServer(context);
  operations.endAllWith({ status: 'running' });
  const answer = update({ serviceName: 'shop', token: shopToken });
  const first = await Promise.race([answer, new Promise(resolve => setTimeout(resolve, 100))]);
  assert.equal(first, undefined);
  operations.change('operation-1', { status: 'succeeded' });
  assert.equal((await answer).status, 200);
});

test('waitRes=false answers 202 with the operation and where to look for it', async context => {
  const { update, ask, operations } = await startServer(context);
  operations.endAllWith({ status: 'running' });
  const answer = await update({ serviceName: 'shop', token: shopToken, waitRes: false });
  assert.equal(answer.status, 202);
  assert.equal(answer.json.status, 'running');
  assert.equal(answer.headers.location, '/api/operations/operation-1');
  const found = await ask(answer.headers.location ?? '', { token: shopToken });
  assert.deepEqual(found.json, answer.json);
});

test('a service whose name is a prefix of another one is not the other one', async context => {
  const { update, swarm, operations } = await startServer(context);
  swarm.addService({ name: 'sho', labels: {} });
  assert.equal((await update({ serviceName: 'sho', token: shopToken })).status, 404);
  assert.equal((await update({ serviceName: 'shop-admin', token: shopToken })).status, 404);
  assert.equal(operations.starts.length, 0);
});

test('an action that is not enabled is refused openly to who has its token', async context => {
  const { update, swarm, operations } = await startServer(context);
  swarm.changeService('shop-id', { labels: { 'swarm-utils.update.token': shopToken } });
  const answer = await update({ serviceName: 'shop', token: shopToken });
  assert.equal(answer.status, 422);
  assert.equal(answer.json.error.code, 'action_not_enabled');
  assert.match(answer.json.error.details[0], /swarm-utils\.update\.enable/);
  assert.equal(operations.starts.length, 0);
});

test('label faults are named to who may', async context => {
  const { update, swarm } = await startServer(context);
  swarm.changeService('shop-id', {
    labels: { 'swarm-utils.update.enable': 'yes', 'swarm-utils.update.token': shopToken },
  });
  const answer = await update({ serviceName: 'shop', token: shopToken });
  assert.equal(answer.status, 422);
  assert.equal(answer.json.error.code, 'label_fault');
  assert.match(answer.json.error.details[0], /^swarm-utils\.update\.enable must be/);
});

test('an image of another repository is refused, and admins are not bound', async context => {
  const { update, operations } = await startServer(context);
  const body = { serviceName: 'shop', image: 'registry.test/evil/shop:2' };
  const answer = await update(body, { token: shopToken });
  assert.equal(answer.status, 422);
  assert.equal(answer.json.error.code, 'image_not_allowed');
  assert.equal(operations.starts.length, 0);
  assert.equal((await update(body, { token: adminToken })).status, 200);
});

test('a swarm that can not be reached is 503 with Retry-After', async context => {
  const { update, swarm } = await startServer(context);
  swarm.fail('findService', new SwarmError('unavailable', 'connect ENOENT /canary/socket'));
  const answer = await update({ serviceName: 'shop', token: shopToken });
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'swarm_unavailable');
  assert.ok(answer.headers['retry-after']);
  assert.doesNotMatch(answer.text, /canary/);
});

test('an issuer that can not be reached is 503', async context => {
  const { update } = await startServer(context);
  const answer = await update({
    serviceName: 'shop',
    token: fakeJwt({ jti: '1', fail: 'issuer_unavailable' }),
  });
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'issuer_unavailable');
});

test('what nobody expected is 500 with an id that the log has too, and nothing else', async context => {
  const { update, logged } = await startServer(context);
  const answer = await update({ serviceName: 'shop', token: fakeJwt({ jti: '1', crash: true }) });
  assert.equal(answer.status, 500);
  assert.equal(answer.json.error.code, 'internal');
  assert.doesNotMatch(answer.text, /verifier|TypeError|\.ts|node_modules/);
  const id = /under (\S+)\./.exec(answer.json.error.message)?.[1] ?? 'none';
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.ok(logged().includes(id));
});

test('while stopping nothing new is started', async context => {
  const { update, operations } = await startServer(context, { isStopping: () => true });
  const answer = await update({ serviceName: 'shop', token: shopToken });
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'stopping');
  assert.ok(answer.headers['retry-after']);
  assert.equal(operations.starts.length, 0);
});

test('an engine that stops in this very moment is 503 too', async context => {
  const { update, operations } = await startServer(context);
  await operations.stop();
  assert.equal((await update({ serviceName: 'shop', token: shopToken })).json.error.code, 'stopping');
});
