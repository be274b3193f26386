import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runOperation } from '../../src/engine/run-operation.ts';
import { type Service, SwarmError } from '../../src/engine/swarm.ts';
import { image, tokenCaller } from '../core/examples.ts';
import { addShop, contentOf, createRecorder, createWorld, newDigest, newImage, oldImage } from './world.ts';

const caller = tokenCaller('canary-token');
const toNew = { image: image('registry.test/acme/shop:2') };

/** An update with an `exec-pre`, during which the service changes. */
function setUp(during: Partial<Service> | 'removed') {
  const world = createWorld();
  const { swarm } = world;
  const shop = addShop(world, {
    labels: { 'swarm-utils.update.token': 'canary-token', 'swarm-utils.update.exec-pre': 'sleep 3600' },
  });
  swarm.onHelper(helper => {
    if (during === 'removed') {
      swarm.deleteService(shop.id);
    } else {
      swarm.changeService(shop.id, { ...during, labels: { ...shop.labels, ...during.labels } });
    }
    swarm.addTask({ serviceId: helper.id, state: 'complete', desiredState: 'shutdown', exitCode: 0 });
  });
  return { ...world, world, shop };
}

suite('what changes while exec-pre runs', () => {
  test('and forbids the update keeps it from being rolled out', async () => {
    const revocations: readonly Record<string, string>[] = [
      { 'swarm-utils.update.enable': 'false' },
      { 'swarm-utils.update.token': 'another-token' },
      { 'swarm-utils.update.image-allow': 'registry.test/acme/shop:1' },
      { 'swarm-utils.update.timout': '1' },
    ];
    for (const labels of revocations) {
      const { world, swarm, shop } = setUp({ labels });
      const { listener, ends } = createRecorder();
      const end = await runOperation(world, contentOf(shop, toNew, caller), listener);
      assert.equal(end.error?.code, 'not_authorized_any_more', JSON.stringify(labels));
      assert.deepEqual(ends(), ['resolve succeeded', 'exec-pre succeeded', 'rollout failed']);
      assert.equal(swarm.callsOf('updateServiceImage').length, 0);
      assert.equal((await swarm.getService(shop.id))?.image, oldImage);
    }
  });

  test('and moves the service to another repository does so too, though no image was named', async () => {
    const { world, swarm, shop } = setUp({ image: 'registry.test/acme/other:1' });
    const content = contentOf(shop, { isForce: true }, caller);
    const end = await runOperation(world, content, createRecorder().listener);
    assert.equal(end.error?.code, 'not_authorized_any_more');
    assert.equal(swarm.callsOf('updateServiceImage').length, 0);
  });

  test('and wants the digest to be the tag’s own does so too, where nobody has looked', async () => {
    const pinned = { image: image(`registry.test/acme/shop:2@${newDigest}`) };
    const labels = { 'swarm-utils.update.image-allow': 'registry.test/acme/shop:2' };
    const { world, shop, swarm } = setUp({ labels });
    const end = await runOperation(world, contentOf(shop, pinned, caller), createRecorder().listener);
    assert.equal(end.error?.code, 'not_authorized_any_more');
    assert.equal(swarm.callsOf('updateServiceImage').length, 0);
    // A tag that was resolved here is its own.
    const other = setUp({ labels });
    const tagged = await runOperation(
      other.world,
      contentOf(other.shop, toNew, caller),
      createRecorder().listener,
    );
    assert.equal(tagged.status, 'succeeded');
  });

  test('and removes the service is said', async () => {
    const { world, shop } = setUp('removed');
    const end = await runOperation(world, contentOf(shop, toNew, caller), createRecorder().listener);
    assert.equal(end.error?.code, 'target_gone');
  });

  test('and allows it still does not matter', async () => {
    const { world, shop, swarm } = setUp({ labels: { 'com.example': 'changed' }, replicas: 3 });
    const end = await runOperation(world, contentOf(shop, toNew, caller), createRecorder().listener);
    assert.equal(end.status, 'succeeded');
    assert.equal((await swarm.getService(shop.id))?.image, newImage);
  });
});

suite('what changes right before the write', () => {
  test('is looked at: nothing is written on a version that nobody has decided on', async () => {
    const world = createWorld();
    const shop = addShop(world, { labels: { 'swarm-utils.update.token': 'canary-token' } });
    const labels = { ...shop.labels, 'swarm-utils.update.enable': 'false' };
    world.swarm.before('updateServiceImage', () => world.swarm.changeService(shop.id, { labels }));
    const end = await runOperation(world, contentOf(shop, toNew, caller), createRecorder().listener);
    assert.equal(end.error?.code, 'not_authorized_any_more');
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 1);
    assert.equal((await world.swarm.getService(shop.id))?.image, oldImage);
  });

  test('is looked at before each repetition', async () => {
    const world = createWorld();
    const shop = addShop(world, { labels: { 'swarm-utils.update.token': 'canary-token' } });
    let writes = 0;
    world.swarm.fail('updateServiceImage', new SwarmError('out_of_sequence', 'update out of sequence'), 100);
    world.swarm.before('updateServiceImage', () => {
      writes += 1;
      if (writes === 3) {
        world.swarm.changeService(shop.id, {
          labels: { ...shop.labels, 'swarm-utils.update.token': 'other' },
        });
      }
    });
    const end = await runOperation(world, contentOf(shop, toNew, caller), createRecorder().listener);
    assert.equal(end.error?.code, 'not_authorized_any_more');
    assert.equal(writes, 3);
  });
});
