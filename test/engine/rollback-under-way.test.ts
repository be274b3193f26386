import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { rollOut } from '../../src/engine/rollout.ts';
import type { UpdateStatus } from '../../src/engine/swarm.ts';
import { addShop, createWorld, newImage, oldImage } from './world.ts';

/** A service that the swarm is rolling back to `oldImage`, one task at a time; the test says how it goes on. */
function setUp() {
  const world = createWorld();
  const { swarm, clock } = world;
  const started: UpdateStatus = { state: 'rollback_started', message: 'failed', startedAt: 'then' };
  const shop = addShop(world, { image: oldImage, update: started });
  swarm.onUpdate(() => undefined);
  swarm.deleteTasks(shop.id);
  swarm.addTask({ serviceId: shop.id, slot: 1, image: oldImage });
  const other = swarm.addTask({ serviceId: shop.id, slot: 2, image: newImage });
  const setUpdate = (change: Partial<UpdateStatus>) =>
    swarm.changeService(shop.id, { update: { ...started, ...change } });
  const replaceOther = () => {
    swarm.changeTask(other.id, { state: 'shutdown', desiredState: 'shutdown' });
    swarm.addTask({ serviceId: shop.id, slot: 2, image: oldImage });
  };
  const run = (change: { readonly image?: string; readonly isForce?: boolean } = {}) =>
    rollOut(
      { ...world, pendingTimeoutMs: 20_000 },
      {
        service: shop,
        image: oldImage,
        platforms: [],
        isForce: false,
        timeoutMs: 60_000,
        onProgress: () => undefined,
        checkStillAllowed: async () => (await swarm.getService(shop.id))?.version ?? 0,
        ...change,
      },
    );
  return { swarm, clock, shop, setUpdate, replaceOther, run };
}

suite('a rollback that is under way', () => {
  test('to the image that is asked for is watched, not written, and a success once it is complete', async () => {
    const { swarm, clock, setUpdate, replaceOther, run } = setUp();
    clock.at(1000, replaceOther);
    clock.at(6000, () => setUpdate({ state: 'rollback_completed', message: 'rollback completed' }));
    assert.equal((await run()).status, 'succeeded');
    assert.equal(swarm.callsOf('updateServiceImage').length, 0);
    // Not when its tasks run, but when the swarm has watched them.
    assert.ok(clock.elapsedMs >= 6000);
  });

  test('is no success before all tasks run the image', async () => {
    const { clock, setUpdate, run } = setUp();
    clock.at(1000, () => setUpdate({ state: 'rollback_completed', message: 'rollback completed' }));
    assert.equal((await run()).status, 'timed_out');
  });

  test('and fails is a failure', async () => {
    const { clock, setUpdate, run } = setUp();
    clock.at(1000, () => setUpdate({ state: 'rollback_paused', message: 'task failed' }));
    const outcome = await run();
    assert.equal(outcome.status === 'failed' && outcome.code, 'rollback_paused');
  });

  test('is written over by another image, whose own rollback is no success', async () => {
    const { swarm, clock, setUpdate, run } = setUp();
    clock.at(1000, () => setUpdate({ state: 'updating', startedAt: 'now' }));
    clock.at(2000, () => {
      swarm.changeService('shop-id', {
        image: oldImage,
        update: { state: 'rollback_completed', message: '', startedAt: 'now' },
      });
    });
    assert.equal((await run({ image: newImage })).status, 'rolled_back');
    assert.equal(swarm.callsOf('updateServiceImage').length, 1);
  });

  test('is written over by force, and what is rolled back then is no success', async () => {
    const { swarm, clock, setUpdate, run } = setUp();
    clock.at(2000, () => setUpdate({ state: 'rollback_completed', startedAt: 'now' }));
    assert.equal((await run({ isForce: true })).status, 'rolled_back');
    assert.equal(swarm.callsOf('updateServiceImage').length, 1);
  });
});
