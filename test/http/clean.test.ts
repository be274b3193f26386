import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SwarmError } from '../../src/engine/swarm.ts';
import { fakeJwt } from '../fixtures/fake-providers.ts';
import { adminToken, observable, shopToken, startServer } from './start-server.ts';

const nodeToken = 'canary-node-token';
const cleanLabels = {
  'swarm-utils.clean.enable': 'true',
  'swarm-utils.clean.exec': 'true',
  'swarm-utils.clean.token': 'canary-clean-token',
  'swarm-utils.clean.github.repository': 'acme/shop',
  'swarm-utils.clean.github.ref': 'refs/heads/main',
};

/** With a service `cache` that may be cleaned, and nodes `worker-1` with a token, `worker-2` and two `twin`s. */
async function setUp(context: TestContext) {
  const server = await startServer(context);
  const { swarm, ask } = server;
  swarm.addService({ name: 'cache', labels: cleanLabels });
  const labels = { 'swarm-utils.clean.token': nodeToken };
  swarm.addNode({ id: 'id-1', hostname: 'worker-1', labels: { ...labels, zone: 'a' } });
  swarm.addNode({
    id: 'id-2',
    hostname: 'worker-2',
    labels: { zone: 'b', 'swarm-utils.clean.imag.keep': 'x' },
  });
  swarm.addNode({ id: 'id-3', hostname: 'twin', labels: { 'swarm-utils.clean.token': 'canary-twin-token' } });
  swarm.addNode({ id: 'id-4', hostname: 'twin' });
  return {
    ...server,
    cleanService: (body: object, token?: string) =>
      ask('/api/clean/service', { body: { serviceName: 'cache', ...body }, ...(token && { token }) }),
    cleanNode: (body: object, token?: string) =>
      ask('/api/clean/node', { body: { nodeName: 'worker-1', ...body }, ...(token && { token }) }),
  };
}

test('a service is cleaned for its own token, an admin and its pipeline', async context => {
  const { cleanService, operations } = await setUp(context);
  for (const token of ['canary-clean-token', adminToken, fakeJwt({ jti: '1' })]) {
    const answer = await cleanService({}, token);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.action, 'clean');
  }
  assert.deepEqual(
    operations.starts.map(({ request, target }) => [request, target.name]),
    Array.from({ length: 3 }, () => [{ action: 'clean', targetKind: 'service' }, 'cache']),
  );
});

test('a token of one action is a stranger to the other', async context => {
  const { cleanService, update, operations } = await setUp(context);
  const unknown = await cleanService({ serviceName: 'nothing' }, shopToken);
  assert.equal(unknown.status, 404);
  const answers = [
    await cleanService({}, shopToken),
    await cleanService({ serviceName: 'shop' }, shopToken),
    await update({ serviceName: 'cache' }, { token: 'canary-clean-token' }),
  ];
  for (const answer of answers) {
    assert.deepEqual(observable(answer), observable(unknown));
  }
  assert.equal(operations.starts.length, 0);
});

test('a pipeline’s token is good for one of the two actions', async context => {
  const { cleanService, update } = await setUp(context);
  const token = fakeJwt({ jti: 'once' });
  const [first, again] = [await cleanService({}, token), await cleanService({}, token)];
  assert.deepEqual([first.status, again.json.id], [200, first.json.id]);
  const other = await update({ serviceName: 'shop' }, { token });
  assert.deepEqual([other.status, other.json.error.code], [409, 'token_reused']);
});

test('a node is cleaned for its own token and an admin', async context => {
  const { cleanNode, operations } = await setUp(context);
  const answer = await cleanNode({ dryRun: true }, nodeToken);
  assert.deepEqual(
    [answer.status, answer.json.target],
    [200, { kind: 'node', id: 'id-1', name: 'worker-1' }],
  );
  assert.equal((await cleanNode({ nodeName: 'worker-1', token: adminToken })).status, 200);
  assert.deepEqual(
    operations.starts.map(({ request }) => request),
    [true, false].map(isDryRun => ({ action: 'clean', targetKind: 'node', isDryRun })),
  );
});

test('nodes that are not there and nodes that are not the caller’s have one answer', async context => {
  const { cleanNode, operations, logged } = await setUp(context);
  const unknown = await cleanNode({ nodeName: 'worker-9' }, nodeToken);
  assert.equal(unknown.status, 404);
  for (const [nodeName, token] of [
    ['worker-2', nodeToken],
    ['worker', nodeToken],
    ['twin', nodeToken],
    ['WORKER-1', nodeToken],
    ['worker-1', shopToken],
    ['worker-1', 'canary-twin-token'],
    ['worker-1', fakeJwt({ jti: '1' })],
    ['worker-9', fakeJwt({ jti: '2' })],
  ] as const) {
    assert.deepEqual(observable(await cleanNode({ nodeName }, token)), observable(unknown), nodeName);
  }
  for (const nodeName of ['worker-1', 'worker-9', 'twin']) {
    assert.equal((await cleanNode({ nodeName }, 'canary-junk')).status, 401);
  }
  assert.equal(operations.starts.length, 0);
  assert.match(logged(), /"nodeName":"worker-2"/);
  assert.doesNotMatch(logged(), /worker-9|canary-/);
});

test('of two nodes of one name neither is cleaned, and who may is told why and what to do', async context => {
  const { cleanNode, operations } = await setUp(context);
  for (const token of [adminToken, 'canary-twin-token']) {
    const { status, json } = await cleanNode({ nodeName: 'twin' }, token);
    assert.deepEqual(
      [status, json.error.code, json.error.details],
      [422, 'ambiguous_name', ['node id-3 (ready, active)', 'node id-4 (ready, active)']],
    );
    assert.match(json.error.message, /2 nodes are called twin.*Give the id.*docker node rm OLDID/);
  }
  assert.equal(operations.starts.length, 0);
});

test('a node may be named by its id', async context => {
  const { cleanNode, operations } = await setUp(context);
  assert.equal((await cleanNode({ nodeName: 'id-1' }, nodeToken)).status, 200);
  assert.equal((await cleanNode({ nodeName: 'id-4' }, adminToken)).status, 200);
  assert.deepEqual(
    operations.starts.map(({ target: { id, name } }) => [id, name]),
    [
      ['id-1', 'worker-1'],
      ['id-4', 'twin'],
    ],
  );
});

test('of a machine that left and joined again the entry that is not down counts', async context => {
  const { cleanNode, operations, swarm } = await setUp(context);
  swarm.addNode({ id: 'id-3', hostname: 'twin', state: 'down' });
  assert.equal((await cleanNode({ nodeName: 'twin' }, adminToken)).status, 200);
  assert.deepEqual(
    operations.starts.map(({ target: { id } }) => id),
    ['id-4'],
  );
});

test('what is wrong with a node’s labels is said to who may clean it', async context => {
  const { cleanNode, swarm } = await setUp(context);
  const faulty = await cleanNode({ nodeName: 'worker-2' }, adminToken);
  assert.deepEqual([faulty.status, faulty.json.error.code], [422, 'label_fault']);
  assert.match(faulty.json.error.details[0], /imag\.keep is unknown \(did you mean/);
  swarm.addNode({ id: 'id-2', hostname: 'worker-2', labels: { 'swarm-utils.clean.enable': 'false' } });
  const disabled = await cleanNode({ nodeName: 'worker-2' }, adminToken);
  assert.deepEqual([disabled.status, disabled.json.error.code], [422, 'action_not_enabled']);
});

test('wrong fields are named', async context => {
  const { cleanNode, cleanService, ask } = await setUp(context);
  for (const nodeName of ['', 'a b', '$(x)', '-x', 'x'.repeat(254), 7, '*']) {
    const { status, json } = await cleanNode({ nodeName }, adminToken);
    assert.equal(status, 400);
    assert.match(json.error.details[0], /^nodeName: must be/);
  }
  assert.deepEqual((await ask('/api/clean/node', { body: {}, token: adminToken })).json.error.details, [
    'nodeName: is required',
  ]);
  assert.deepEqual((await cleanNode({ dryRun: 'maybe' }, adminToken)).json.error.details, [
    'dryRun: must be true or false',
  ]);
  assert.deepEqual((await cleanService({ dryRun: true }, adminToken)).json.error.details, [
    'dryRun: is unknown',
  ]);
  assert.equal((await cleanNode({ dryRun: 'true', waitRes: 'false' }, adminToken)).status, 202);
});

test('nodes show their Engines, with what is to be known of them, where the swarm knows it', async context => {
  const { ask, swarm } = await startServer(context);
  swarm.addNode({ id: 'node-1', hostname: 'one', engineVersion: '28.5.2' });
  swarm.addNode({ id: 'node-2', hostname: 'two', engineVersion: '20.10.24+dfsg1' });
  const engines = async () =>
    (await ask('/api/nodes', { token: adminToken })).json.nodes.map(
      ({ engine, warnings }: { engine: object; warnings: readonly { code: string }[] }) => [
        engine,
        warnings.map(({ code }) => code),
      ],
    );
  const older = [{ version: '20.10.24+dfsg1' }, ['engine_versions_differ']];
  assert.deepEqual(await engines(), [[{ version: '28.5.2', imageStore: 'containerd' }, []], older]);
  // A proxy before the Engine that lets this one not pass.
  swarm.fail('describeEngine', new SwarmError('rejected', 'Forbidden'));
  assert.deepEqual(await engines(), [[{ version: '28.5.2' }, []], older]);
});

test('nodes are listed for admins, with what holds for them and what is wrong', async context => {
  const { ask } = await setUp(context);
  const { status, json, text } = await ask('/api/nodes', { token: adminToken });
  assert.equal(status, 200);
  assert.equal(json.nodes.length, 5);
  const part = { isEnabled: true, timeoutMs: 60_000, minAgeMs: 0 };
  assert.deepEqual(json.nodes[1], {
    id: 'id-1',
    name: 'worker-1',
    role: 'worker',
    state: 'ready',
    availability: 'active',
    clean: { isEnabled: true, container: part, image: part, builder: part, keep: [], hasExec: false },
    faults: [],
    engine: {},
    warnings: [],
  });
  assert.equal(json.nodes[2].faults[0].label, 'swarm-utils.clean.imag.keep');
  assert.doesNotMatch(text, /canary-/);
  const names = async (label: string) =>
    (await ask(`/api/nodes?label=${label}`, { token: adminToken })).json.nodes?.map(
      ({ name }: { name: string }) => name,
    );
  assert.deepEqual(await names('zone'), ['worker-1', 'worker-2']);
  assert.deepEqual(await names('zone=a'), ['worker-1']);
  assert.deepEqual(await names('zon'), []);
  assert.deepEqual(await names('constructor'), []);
  assert.equal(await names('swarm-utils.clean.token'), undefined);
  for (const [token, expected] of [
    [nodeToken, 404],
    [shopToken, 404],
    [fakeJwt({ jti: '1' }), 404],
    ['canary-junk', 401],
  ] as const) {
    assert.equal((await ask('/api/nodes', { token })).status, expected);
  }
});

test('operations on a node are for who may clean it', async context => {
  const { ask, cleanNode, cleanService } = await setUp(context);
  const { json: operation } = await cleanNode({}, adminToken);
  await cleanService({}, adminToken);
  const list = async (token: string, query = '') => (await ask(`/api/operations${query}`, { token })).json;
  assert.equal((await list(adminToken)).operations.length, 2);
  assert.deepEqual(
    (await list(nodeToken)).operations.map(({ id }: { id: string }) => id),
    [operation.id],
  );
  assert.deepEqual((await list(nodeToken, '?nodeName=worker-1')).operations.length, 1);
  assert.equal((await list(shopToken, '?nodeName=worker-1')).error.code, 'not_found');
  assert.equal((await list(adminToken, '?nodeName=worker-9')).error.code, 'not_found');
  assert.equal((await list(adminToken, '?nodeName=worker-1&serviceName=shop')).error.code, 'malformed');
  for (const [token, status] of [
    [nodeToken, 200],
    [adminToken, 200],
    [shopToken, 404],
    ['canary-twin-token', 404],
  ] as const) {
    assert.equal((await ask(`/api/operations/${operation.id}`, { token })).status, status);
    assert.equal((await ask(`/api/operations/${operation.id}/events`, { token })).status, status);
  }
  assert.deepEqual((await ask('/api/services', { token: nodeToken })).json, { services: [] });
});

test('explain answers for cleans too', async context => {
  const { ask } = await setUp(context);
  const explain = (body: object, token = adminToken) =>
    ask('/api/explain', { body: { action: 'clean', ...body }, token });
  const own = await explain({ serviceName: 'cache' }, 'canary-clean-token');
  assert.deepEqual(own.json, {
    allowed: true,
    action: 'clean',
    serviceName: 'cache',
    caller: { kind: 'token' },
    findings: [],
  });
  const node = await explain({ nodeName: 'worker-1' }, nodeToken);
  assert.deepEqual([node.json.allowed, node.json.nodeName], [true, 'worker-1']);
  assert.equal((await explain({ nodeName: 'worker-2' }, nodeToken)).status, 404);
  assert.equal((await explain({ nodeName: 'worker-2' })).json.reason, 'label_fault');
  const delivery = { provider: 'github', event: 'push', repository: 'acme/shop', ref: 'refs/heads/main' };
  assert.equal((await explain({ serviceName: 'cache', delivery })).json.reason, 'webhook_not_subscribed');
  assert.equal((await explain({ nodeName: 'worker-1', delivery })).json.reason, 'no_grant');
  assert.equal((await explain({ serviceName: 'cache', claims: { sub: 'x' } })).status, 200);
  assert.equal((await explain({ serviceName: 'cache', delivery, claims: {} })).status, 400);
  assert.deepEqual((await explain({ serviceName: 'cache', image: 'x' })).json.error.details, [
    'image: is unknown',
  ]);
  assert.match((await explain({})).json.error.details[0], /^serviceName: is required/);
  const wrong = await ask('/api/explain', {
    body: { action: 'destroy', serviceName: 'cache' },
    token: adminToken,
  });
  assert.deepEqual(wrong.json.error.details, ['action: must be one of update, clean, backup, restore']);
});
