import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Operation } from '../../src/core/operation.ts';
import { createGate } from '../../src/engine/gate.ts';
import { createOperations } from '../../src/engine/operations.ts';
import { runBatch } from '../../src/engine/run-batch.ts';
import { addShop, allow, createWorld } from './world.ts';

function setUp(count: number) {
  const world = createWorld();
  const saved = new Map<string, Operation>();
  const operations = createOperations({
    world,
    history: {
      save: operation => saved.set(operation.id, operation),
      get: id => saved.get(id),
      list: () => [...saved.values()],
    },
    onFinished: () => undefined,
    onInternalError: error => {
      throw error;
    },
  });
  const shops = Array.from({ length: count }, (_, number) =>
    addShop(world, { name: `shop-${number}`, replicas: 0 }),
  );
  const statuses = () => [...saved.values()].map(({ id }) => operations.get(id)?.status);
  return { world, operations, shops, saved, statuses, tokens: shops.map(shop => allow(shop)) };
}

suite('a batch', () => {
  test('is accepted whole at once, and no more of it than its bound run at the same time', async () => {
    const { world, operations, tokens, statuses } = setUp(5);
    const release = world.swarm.hold('getService');
    const batch = runBatch(operations, tokens, { parallel: 2 });
    assert.deepEqual(
      batch.operations.map(({ status, target }) => `${target.name} ${status}`),
      ['shop-0 queued', 'shop-1 queued', 'shop-2 queued', 'shop-3 queued', 'shop-4 queued'],
    );
    await turn();
    assert.deepEqual(statuses(), ['running', 'running', 'queued', 'queued', 'queued']);
    release();
    const finished = await batch.finished;
    assert.deepEqual(
      finished.map(({ id }) => id),
      batch.operations.map(({ id }) => id),
    );
    assert.ok(finished.every(({ status }) => status === 'unchanged'));
  });

  test('does not lock what it has not begun: others go first there', async () => {
    const { world, operations, tokens, shops, saved } = setUp(2);
    const release = world.swarm.hold('getService');
    const batch = runBatch(operations, tokens, { parallel: 1 });
    const [, second] = shops;
    assert.ok(second);
    const other = operations.start(allow(second, { isForce: true }));
    await turn();
    assert.equal(operations.get(other.id)?.status, 'running');
    release();
    await batch.finished;
    await operations.finished(other.id);
    assert.equal(saved.size, 3);
  });

  test('that is refused leaves nothing behind', async () => {
    const { operations, tokens, saved } = setUp(2);
    await operations.stop();
    assert.throws(() => runBatch(operations, tokens, { parallel: 2 }), { code: 'stopping' });
    assert.equal(saved.size, 0);
  });

  test('is left where it is by a stop: what had not begun is interrupted', async () => {
    const { world, operations, tokens, statuses } = setUp(3);
    const release = world.swarm.hold('getService');
    const batch = runBatch(operations, tokens, { parallel: 1 });
    await turn();
    const stopped = operations.stop();
    release();
    await stopped;
    assert.deepEqual(statuses(), ['unchanged', 'interrupted', 'interrupted']);
    const [, second] = await batch.finished;
    assert.equal(second?.error?.code, 'interrupted');
    assert.equal(second.startedAt, undefined);
  });

  test('takes in no delivery: that would wait and end with it', async () => {
    const { world, operations, tokens, shops, saved } = setUp(2);
    const release = world.swarm.hold('getService');
    const batch = runBatch(operations, tokens, { parallel: 1, isPatient: true });
    const [, second] = shops;
    assert.ok(second);
    const delivered = operations.start(allow(second), { isPatient: true });
    assert.notEqual(delivered.id, batch.operations[1]?.id);
    release();
    await operations.stop();
    assert.equal(saved.size, 3);
    assert.equal(operations.get(delivered.id)?.status, 'unchanged');
  });

  test('goes on after one that failed', async () => {
    const { world, operations, tokens, shops } = setUp(3);
    const [first] = shops;
    assert.ok(first);
    world.swarm.deleteService(first.id);
    const finished = await runBatch(operations, tokens, { parallel: 1 }).finished;
    assert.deepEqual(
      finished.map(({ status }) => status),
      ['failed', 'unchanged', 'unchanged'],
    );
  });
});

suite('a gate', () => {
  test('lets the next one in when one leaves, also by a failure, in the order they came', async () => {
    const gate = createGate(1);
    const order: string[] = [];
    const work = (name: string) => async () => {
      order.push(name);
      await turn();
      if (name === 'first') {
        throw new Error('failed');
      }
    };
    const first = assert.rejects(gate.pass(work('first')), /failed/);
    const second = gate.pass(work('second'));
    const third = gate.pass(work('third'));
    assert.deepEqual(order, ['first']);
    await Promise.all([first, second, third]);
    assert.deepEqual(order, ['first', 'second', 'third']);
    await gate.pass(work('fourth'));
    assert.equal(order.length, 4);
  });

  test('for nobody is none', () => {
    assert.throws(() => createGate(0), RangeError);
  });
});
