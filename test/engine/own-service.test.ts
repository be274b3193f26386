import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createOwnServiceCheck } from '../../src/engine/own-service.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { addShop, createWorld } from './world.ts';

suite('the own service', () => {
  test('is told by the container, which is asked for once', async () => {
    const world = createWorld();
    const shop = addShop(world, { replicas: 1 });
    const isOwnService = createOwnServiceCheck(world.swarm, 'container-of');
    assert.equal(await isOwnService(shop.id), true);
    assert.equal(await isOwnService('another-id'), false);
    assert.equal(world.swarm.callsOf('serviceOfContainer').length, 1);
  });

  test('is none outside of a container, and while the Engine does not answer', async () => {
    const world = createWorld();
    const shop = addShop(world, { replicas: 1 });
    const isOwnService = createOwnServiceCheck(world.swarm, 'container-of');
    world.swarm.fail('serviceOfContainer', new SwarmError('unavailable', 'away'));
    assert.equal(await isOwnService(shop.id), false);
    assert.equal(await isOwnService(shop.id), true);
    assert.equal(await createOwnServiceCheck(world.swarm, 'laptop')(shop.id), false);
  });
});
