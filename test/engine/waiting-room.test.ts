import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Operation } from '../../src/core/operation.ts';
import { createOperations } from '../../src/engine/operations.ts';
import type { Service } from '../../src/engine/swarm.ts';
import { image } from '../core/examples.ts';
import { addShop, allow, createWorld } from './world.ts';

function setUp() {
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
  const shops = (count: number) =>
    Array.from({ length: count }, (_, number) => addShop(world, { name: `shop-${number}`, replicas: 0 }));
  const tokenFor = (service: Service, tag: string) =>
    allow(service, { image: image(`registry.test/acme/shop:${tag}`) });
  /** A patient one, as of a webhook. */
  const deliver = (service: Service, tag: string | number) =>
    operations.start(tokenFor(service, `${tag}`), { isPatient: true });
  return { world, operations, saved, shops, tokenFor, deliver, release: world.swarm.hold('getService') };
}

const overloaded = { name: 'RequestError', code: 'overloaded' };

suite('the operations that wait', () => {
  test('are twenty for one target: the next is refused, and nothing of it is recorded', async () => {
    const { operations, saved, shops, deliver, tokenFor, release } = setUp();
    const [shop, other] = shops(2) as [Service, Service];
    for (let sha = 0; sha <= 20; sha += 1) {
      deliver(shop, sha);
    }
    assert.equal(saved.size, 21);
    assert.throws(() => deliver(shop, 'next'), overloaded);
    assert.throws(() => operations.start(tokenFor(shop, 'api')), overloaded);
    assert.equal(saved.size, 21);
    assert.equal(operations.running, 21);
    // What is there already needs no room, and another target has its own.
    assert.equal(deliver(shop, 20).id, [...saved.keys()].at(-1));
    deliver(other, 'next');
    release();
    await operations.stop();
  });

  test('are counted whoever asked, and no longer once they gave up or began', async () => {
    const { operations, world, shops, tokenFor, deliver, release } = setUp();
    const [shop] = shops(1) as [Service];
    world.swarm.setDigest('registry.test/acme/shop:late', `sha256:${'3'.repeat(64)}`);
    const first = operations.start(tokenFor(shop, 'first'));
    const accepted = Array.from({ length: 20 }, (_, sha) => operations.start(tokenFor(shop, `${sha}`)));
    assert.throws(() => deliver(shop, 'late'), overloaded);
    release();
    await operations.finished(first.id);
    await Promise.all(accepted.slice(0, 2).map(({ id }) => operations.finished(id)));
    const late = deliver(shop, 'late');
    assert.equal((await operations.finished(late.id)).status, 'succeeded');
    await operations.stop();
  });

  test('are a thousand in all, and what can begin at once is not refused', async () => {
    const { operations, shops, deliver, release } = setUp();
    const all = shops(52);
    for (const shop of all.slice(0, 50)) {
      for (let sha = 0; sha <= 20; sha += 1) {
        deliver(shop, sha);
      }
    }
    const [idle] = all.slice(50) as [Service];
    deliver(idle, 'first');
    assert.throws(() => deliver(idle, 'second'), overloaded);
    release();
    await operations.stop();
  });

  test('are let in all or none: a delivery for several services can be repeated', async () => {
    const { operations, saved, shops, tokenFor, deliver, release } = setUp();
    const [idle, flooded] = shops(2) as [Service, Service];
    for (let sha = 0; sha <= 20; sha += 1) {
      deliver(flooded, sha);
    }
    const tokens = [tokenFor(idle, 'next'), tokenFor(flooded, 'next')];
    assert.throws(() => operations.startAll(tokens, { isPatient: true }), overloaded);
    assert.equal([...saved.values()].filter(({ target }) => target.id === idle.id).length, 0);
    release();
    await Promise.all([...saved.keys()].map(id => operations.finished(id)));
    assert.equal(operations.startAll(tokens, { isPatient: true }).length, 2);
    await operations.stop();
  });
});
