import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { choice, openShop } from './stopped-shop.ts';

const backup = '2026-11-22T03-00-00Z';
const places = [{ nodeId: 'node-2', nodeName: 'worker-2', volume: 'data' }];

suite('a service that starts elsewhere', () => {
  test('is said to have lost its data from sight', async () => {
    const shop = openShop({ volumes: ['data'] });
    shop.world.swarm.addNode({ id: 'node-1', hostname: 'worker-1' });
    shop.context.located = { backup, places };
    await shop.stop();
    const { status, message = '' } = await shop.start();
    assert.equal(status, 'succeeded');
    assert.match(
      message,
      /^2 of 2 replicas running\. ATTENTION: .* on worker-1, and the volumes were on worker-2\./,
    );
    assert.match(message, /placement constraint/);
  });

  test('after a restore too', async () => {
    const shop = openShop({ volumes: ['data'] });
    shop.context.chosen = [{ ...choice, place: { nodeId: 'node-2', nodeName: 'worker-2', volume: 'data' } }];
    shop.context.isSettled = true;
    await shop.stop();
    assert.match((await shop.start()).message ?? '', /ATTENTION/);
  });

  test('where its volumes are, or with volumes of others, it is not', async () => {
    for (const [volumes, nodeId] of [
      [['data'], 'node-1'],
      [['other'], 'node-2'],
      [[], 'node-2'],
    ] as const) {
      const shop = openShop({ volumes });
      shop.context.located = { backup, places: [{ nodeId, nodeName: nodeId, volume: 'data' }] };
      await shop.stop();
      assert.equal((await shop.start()).message, '2 of 2 replicas running.');
    }
  });
});
