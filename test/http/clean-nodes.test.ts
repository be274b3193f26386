import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fakeJwt } from '../fixtures/fake-providers.ts';
import { type Ask, adminToken, observable, shopToken, startServer } from './start-server.ts';

/** Of six nodes two can be cleaned: `node-1` and `worker-1`. */
async function setUp(context: TestContext, change: Parameters<typeof startServer>[1] = {}) {
  const server = await startServer(context, change);
  const { swarm, ask } = server;
  swarm.addNode({ id: 'id-1', hostname: 'worker-1', labels: { zone: 'a', 'swarm-utils.clean.token': 'x' } });
  swarm.addNode({ id: 'id-2', hostname: 'worker-2', labels: { zone: 'a' }, state: 'down' });
  swarm.addNode({ id: 'id-3', hostname: 'worker-3', availability: 'drain' });
  swarm.addNode({ id: 'id-4', hostname: 'worker-4', availability: 'pause' });
  swarm.addNode({ id: 'id-5', hostname: 'worker-5', labels: { 'swarm-utils.clean.enable': 'false' } });
  return {
    ...server,
    cleanNodes: (body: object, more: Ask = { token: adminToken }) =>
      ask('/api/clean/nodes', { body, ...more }),
  };
}

const names = (operations: readonly { readonly target: { readonly name: string } }[]) =>
  operations.map(({ target }) => target.name).sort();

test('all nodes are cleaned by one call, and those that can not be are named', async context => {
  const { cleanNodes, operations } = await setUp(context);
  const { status, json } = await cleanNodes({});
  assert.equal(status, 200);
  assert.deepEqual(names(json.operations), ['node-1', 'worker-1']);
  assert.ok(json.operations.every((operation: { status: string }) => operation.status === 'succeeded'));
  assert.deepEqual(json.skipped, [
    { nodeName: 'worker-2', reason: 'The node is down.' },
    { nodeName: 'worker-3', reason: 'The availability of the node is drain.' },
    { nodeName: 'worker-4', reason: 'The availability of the node is pause.' },
    { nodeName: 'worker-5', reason: 'The node has the label swarm-utils.clean.enable=false.' },
  ]);
  assert.deepEqual(json.refused, []);
  assert.deepEqual(
    operations.starts.map(({ request }) => request),
    [1, 2].map(() => ({ action: 'clean', targetKind: 'node', isDryRun: false })),
  );
});

test('a label narrows it, a dry run is one on every node, and the token may be in the body', async context => {
  const { cleanNodes, operations } = await setUp(context);
  const answer = await cleanNodes({ label: 'zone=a', dryRun: 'true', token: adminToken }, {});
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(names(answer.json.operations), ['worker-1']);
  assert.deepEqual(answer.json.skipped, [{ nodeName: 'worker-2', reason: 'The node is down.' }]);
  const [start] = operations.starts;
  assert.ok(start?.targetKind === 'node' && start.request.isDryRun);
  const none = await cleanNodes({ label: 'zone=b' });
  assert.deepEqual([none.status, none.json], [200, { operations: [], skipped: [], refused: [] }]);
});

test('one failure fails it, and a node whose labels have faults is no less', async context => {
  const { cleanNodes, operations, swarm } = await setUp(context);
  operations.endAllWith({ status: 'failed', error: { code: 'not_removed', message: 'no' } });
  const failed = await cleanNodes({});
  assert.deepEqual([failed.status, failed.json.operations.length], [424, 2]);
  operations.endAllWith({ status: 'succeeded' });
  swarm.addNode({ id: 'id-6', hostname: 'worker-6', labels: { 'swarm-utils.clean.imag.keep': 'x' } });
  const refused = await cleanNodes({});
  assert.equal(refused.status, 424);
  assert.equal(refused.json.refused[0].nodeName, 'worker-6');
  assert.match(refused.json.refused[0].reason, /imag\.keep is unknown \(did you mean/);
  assert.deepEqual(names(refused.json.operations), ['node-1', 'worker-1']);
});

test('who does not wait gets the queued operations at once', async context => {
  const { cleanNodes, operations } = await setUp(context);
  operations.endAllWith({});
  const { status, json } = await cleanNodes({ waitRes: false });
  assert.equal(status, 202);
  assert.ok(json.operations.every((operation: { status: string }) => operation.status === 'queued'));
  assert.deepEqual([json.operations.length, json.skipped.length], [2, 4]);
});

test('it is for admins, and to others as if it were not there', async context => {
  const { cleanNodes, operations, swarm, ask } = await setUp(context);
  swarm.addNode({ id: 'id-1', hostname: 'worker-1', labels: { 'swarm-utils.clean.token': 'node-token' } });
  const unknown = await ask('/api/clean/node', { body: { nodeName: 'worker-9' }, token: shopToken });
  for (const token of [shopToken, 'node-token', fakeJwt({ jti: '1' })]) {
    assert.deepEqual(observable(await cleanNodes({}, { token })), observable(unknown));
  }
  for (const more of [{}, { token: 'canary-junk' }]) {
    assert.equal((await cleanNodes({}, more)).status, 401);
  }
  assert.equal(operations.starts.length, 0);
});

test('wrong fields are named, and nobody guesses secrets by a label', async context => {
  const { cleanNodes, operations } = await setUp(context);
  for (const [body, detail] of [
    [{ nodeName: 'worker-1' }, 'nodeName: is unknown'],
    [{ dryRun: 'maybe' }, 'dryRun: must be true or false'],
    [{ label: '' }, 'label: must be key or key=value'],
    [{ label: ['a'] }, 'label: must be given once'],
    [{ label: 'swarm-utils.clean.token=x' }, 'label: nodes can not be looked up by this label'],
  ] as const) {
    const { status, json } = await cleanNodes(body);
    assert.deepEqual([status, json.error.details], [400, [detail]]);
  }
  assert.equal(operations.starts.length, 0);
});

test('while the server stops nothing is begun', async context => {
  const { cleanNodes, operations } = await setUp(context);
  await operations.stop();
  assert.equal((await cleanNodes({})).status, 503);
});
