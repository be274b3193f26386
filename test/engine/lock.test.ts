import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLock, LockTimeout } from '../../src/engine/lock.ts';

suite('the lock', () => {
  test('never lets two in at once, and keeps the order', async () => {
    const lock = createLock();
    let inside = 0;
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        lock.run('shop', undefined, async () => {
          inside += 1;
          assert.equal(inside, 1);
          await (index % 3 === 0 ? sleep(1) : Promise.resolve());
          order.push(index);
          inside -= 1;
        }),
      ),
    );
    assert.deepEqual(order, [...Array(50).keys()]);
  });

  test('of one target does not hold another', async () => {
    const lock = createLock();
    const release = Promise.withResolvers<void>();
    const held = lock.run('shop', undefined, () => release.promise);
    assert.equal(await lock.run('blog', 10, async () => 'free'), 'free');
    for (const key of ['__proto__', 'constructor', 'toString']) {
      assert.equal(await lock.run(key, 10, async () => 'free'), 'free');
    }
    release.resolve();
    await held;
  });

  test('is given up after the time-out, and then the work never begins', async () => {
    const lock = createLock();
    const release = Promise.withResolvers<void>();
    const held = lock.run('shop', undefined, () => release.promise);
    let hasBegun = false;
    const late = lock.run('shop', 10, async () => {
      hasBegun = true;
    });
    await assert.rejects(late, LockTimeout);
    release.resolve();
    await held;
    await sleep(5);
    assert.equal(hasBegun, false);
    assert.equal(await lock.run('shop', 10, async () => 'next'), 'next');
  });

  test('is not given up by work that takes longer than the time-out', async () => {
    const lock = createLock();
    let inside = 0;
    const slow = () => async () => {
      inside += 1;
      assert.equal(inside, 1);
      await sleep(40);
      inside -= 1;
      return 'done';
    };
    const [first, second] = await Promise.allSettled([
      lock.run('shop', 10, slow()),
      lock.run('shop', 10, slow()),
    ]);
    assert.deepEqual(first, { status: 'fulfilled', value: 'done' });
    assert.equal(second.status, 'rejected');
    assert.equal(await lock.run('shop', 10, slow()), 'done');
  });

  test('is free again after work that fails, and the failure is its own', async () => {
    const lock = createLock();
    await assert.rejects(
      lock.run('shop', 10, () => Promise.reject(new TypeError('a fault'))),
      TypeError,
    );
    await assert.rejects(
      lock.run('shop', 10, () => {
        throw new RangeError('at once');
      }),
      RangeError,
    );
    assert.equal(await lock.run('shop', 10, async () => 'free'), 'free');
  });

  test('takes as many as come', async () => {
    const lock = createLock();
    const all = await Promise.all(
      Array.from({ length: 3000 }, (_, index) => lock.run('shop', undefined, async () => index)),
    );
    assert.equal(all.length, 3000);
  });

  test('is left by thousands who gave up', async () => {
    const lock = createLock();
    const release = Promise.withResolvers<void>();
    const held = lock.run('shop', undefined, () => release.promise);
    const late = await Promise.allSettled(
      Array.from({ length: 20_000 }, () => lock.run('shop', 5, async () => undefined)),
    );
    assert.ok(late.every(({ status }) => status === 'rejected'));
    release.resolve();
    await held;
    assert.equal(await lock.run('shop', 1000, async () => 'free'), 'free');
  });
});
