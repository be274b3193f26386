import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeJwt } from '../fixtures/fake-providers.ts';
import { adminToken, blogToken, shopToken, startServer } from './start-server.ts';

const shopJwt = fakeJwt({ jti: '1' });

test('services: everyone sees their own, admins all', async context => {
  const { ask } = await startServer(context);
  for (const [token, names] of [
    [adminToken, ['shop', 'blog']],
    [shopToken, ['shop']],
    [blogToken, ['blog']],
    [shopJwt, ['shop']],
    [fakeJwt({ jti: '2', identity: { repository: 'evil/shop' } }), []],
    [fakeJwt({ jti: '3', identity: { ref: 'refs/heads/evil' } }), []],
  ] as const) {
    const { status, json } = await ask('/api/services', { token });
    assert.equal(status, 200);
    assert.deepEqual(
      json.services.map(({ name }: { readonly name: string }) => name),
      names,
    );
  }
});

test('a service is shown with what runs, what is enabled and what is wrong, and without its labels', async context => {
  const { ask, swarm } = await startServer(context);
  const labels = (await swarm.findService('shop'))?.labels ?? {};
  swarm.changeService('shop-id', {
    labels: { ...labels, 'swarm-utils.updaet.enable': 'true', 'swarm-utils.backup.tokn': 'canary' },
    update: { state: 'completed', message: 'update completed' },
  });
  const { status, text, json } = await ask('/api/services/shop', { token: shopToken });
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(json).sort(), [
    'actions',
    'faults',
    'id',
    'image',
    'mode',
    'name',
    'replicas',
    'updateStatus',
  ]);
  assert.deepEqual(json.actions, ['update']);
  assert.equal(json.replicas, 2);
  assert.deepEqual(
    json.faults.map(({ label }: { readonly label: string }) => label),
    ['swarm-utils.updaet.enable', 'swarm-utils.backup.tokn'],
  );
  assert.doesNotMatch(text, /canary/);
});

test('services can be looked up by label', async context => {
  const { ask, swarm } = await startServer(context);
  const filter = encodeURIComponent('com.docker.stack.namespace=acme');
  const { json } = await ask(`/api/services?label=${filter}`, { token: shopToken });
  assert.equal(json.services.length, 1);
  assert.deepEqual(swarm.callsOf('listServices').at(0), ['com.docker.stack.namespace=acme']);
  const none = await ask('/api/services?label=com.docker.stack.namespace', { token: blogToken });
  assert.equal(none.status, 200);
  assert.deepEqual(none.json.services, []);
});

for (const label of [
  'swarm-utils.update.token',
  `swarm-utils.update.token=${shopToken}`,
  'swarm-utils.update.registry.password=x',
  'swarm-utils.backup.volume-list-upload.s3.secret-key=x',
  'swarm-utils.backup.volume-list-upload.s3.access-key=x',
  'other.api-token',
  'OTHER.API-TOKEN=x',
]) {
  test(`nobody can guess at ${label.split('=')[0]}`, async context => {
    const { ask, swarm } = await startServer(context);
    for (const token of [adminToken, shopToken]) {
      const answer = await ask(`/api/services?label=${encodeURIComponent(label)}`, { token });
      assert.equal(answer.status, 400);
      assert.doesNotMatch(answer.text, /canary/);
    }
    assert.equal(swarm.calls.length, 0);
  });
}

test('labels of others are looked up by admins only', async context => {
  const { ask } = await startServer(context);
  assert.equal((await ask('/api/services?label=traefik.enable', { token: adminToken })).status, 200);
  assert.equal((await ask('/api/services?label=traefik.enable', { token: shopToken })).status, 400);
});

test('operations: everyone sees those of their own services, newest first', async context => {
  const { ask, update, swarm } = await startServer(context);
  await update({ serviceName: 'shop', token: shopToken });
  await update({ serviceName: 'blog', token: blogToken });
  await update({ serviceName: 'shop', token: adminToken });
  const ids = async (path: string, token: string) =>
    (await ask(path, { token })).json.operations.map(({ id }: { readonly id: string }) => id).sort();
  assert.deepEqual(await ids('/api/operations', adminToken), ['operation-1', 'operation-2', 'operation-3']);
  assert.deepEqual(await ids('/api/operations', shopToken), ['operation-1', 'operation-3']);
  assert.deepEqual(await ids('/api/operations', shopJwt), ['operation-1', 'operation-3']);
  assert.deepEqual(await ids('/api/operations?limit=1', adminToken), ['operation-3']);
  assert.deepEqual(await ids('/api/operations?serviceName=shop', adminToken), ['operation-1', 'operation-3']);
  assert.deepEqual(await ids('/api/operations?serviceName=shop&limit=1', shopToken), ['operation-3']);
  swarm.deleteService('shop-id');
  assert.deepEqual(await ids('/api/operations', adminToken), ['operation-1', 'operation-2', 'operation-3']);
});

test('operations are listed without what their tasks printed, which the single one has', async context => {
  const { ask, update, operations } = await startServer(context);
  const logs = Array.from({ length: 100 }, () => 'canary-line '.repeat(80));
  const task = { id: 'task', node: 'worker-1', state: 'failed', exitCode: 1, error: 'exit 1', logs };
  const steps = [
    {
      name: 'exec-pre',
      status: 'succeeded',
      message: 'ran',
      helper: { name: 'helper', tasks: [task, task] },
    },
    { name: 'rollout', status: 'failed', durationMs: 5, tasks: [task] },
    { name: 'exec-post', status: 'skipped' },
  ] as const;
  operations.endAllWith({ status: 'failed', steps });
  for (let count = 0; count < 200; count += 1) {
    await update({ serviceName: 'shop', token: adminToken, waitRes: false });
  }
  for (const [path, token] of [
    ['/api/operations?limit=200', adminToken],
    ['/api/operations?limit=200', shopToken],
    ['/api/operations?limit=200&serviceName=shop', shopToken],
  ] as const) {
    const { text, json } = await ask(path, { token });
    assert.equal(json.operations.length, 200);
    assert.ok(text.length < 256 * 1024, `${text.length} bytes`);
    assert.doesNotMatch(text, /canary/);
    const { logs: _, ...short } = task;
    assert.deepEqual(json.operations[0].steps, [
      { ...steps[0], helper: { name: 'helper', tasks: [short, short] } },
      { ...steps[1], tasks: [short] },
      steps[2],
    ]);
  }
  const { json } = await ask('/api/operations/operation-1', { token: shopToken });
  assert.deepEqual(json.steps, steps);
});

test('an operation of a service that is gone is for admins', async context => {
  const { ask, update, swarm } = await startServer(context);
  await update({ serviceName: 'shop', token: shopToken });
  assert.equal((await ask('/api/operations/operation-1', { token: shopToken })).status, 200);
  swarm.deleteService('shop-id');
  assert.equal((await ask('/api/operations/operation-1', { token: shopJwt })).status, 404);
  // Now the token is nobody's.
  assert.equal((await ask('/api/operations/operation-1', { token: shopToken })).status, 401);
  assert.equal((await ask('/api/operations/operation-1', { token: adminToken })).status, 200);
});

test('who may read an operation is what the labels say now', async context => {
  const { ask, update, swarm } = await startServer(context);
  await update({ serviceName: 'shop', token: shopToken });
  swarm.changeService('shop-id', { labels: { 'swarm-utils.update.token': 'another' } });
  assert.equal((await ask('/api/operations/operation-1', { token: shopJwt })).status, 404);
  assert.equal((await ask('/api/operations/operation-1', { token: 'another' })).status, 200);
});

test('while stopping, reading goes on', async context => {
  const { ask } = await startServer(context, { isStopping: () => true });
  assert.equal((await ask('/api/services', { token: shopToken })).status, 200);
  assert.equal((await ask('/api/operations', { token: shopToken })).status, 200);
  const body = { action: 'update', serviceName: 'shop' };
  assert.equal((await ask('/api/explain', { body, token: shopToken })).status, 200);
});
