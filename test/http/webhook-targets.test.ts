import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWebhookTargets } from '../../src/http/webhook-targets.ts';
import { createFakeSwarm } from '../fixtures/fake-swarm.ts';

const labels = { 'swarm-utils.update.enable': 'true', 'swarm-utils.update.github.on': 'push' };

function setUp() {
  const swarm = createFakeSwarm();
  for (const name of ['shop', 'blog']) {
    swarm.addService({ name, image: `registry.test/${name}:1`, labels });
  }
  const targets = createWebhookTargets(swarm);
  return { swarm, list: () => targets('github') };
}

test('labels are parsed once for each version of a service', async () => {
  const { swarm, list } = setUp();
  const [shop, blog] = await list();
  assert.deepEqual([shop?.name, blog?.name], ['shop', 'blog']);
  swarm.changeService('shop-id', {
    image: 'registry.test/shop:2',
    labels: { ...labels, 'swarm-utils.update.image-allow': 'registry.test/shop:*' },
  });
  const [changedShop, sameBlog] = await list();
  assert.equal(sameBlog, blog);
  assert.equal(changedShop?.image, 'registry.test/shop:2');
  assert.equal(changedShop?.labels.update.imageAllow?.length, 1);
});

test('a service that is gone, or lacks the label now, is no target and is forgotten', async () => {
  const { swarm, list } = setUp();
  const [shop] = await list();
  swarm.changeService('blog-id', { labels: {} });
  assert.deepEqual(
    (await list()).map(({ name }) => name),
    ['shop'],
  );
  const service = await swarm.getService('shop-id');
  swarm.deleteService('shop-id');
  assert.deepEqual(await list(), []);
  swarm.addService({ ...service, name: 'shop' });
  const [again] = await list();
  assert.deepEqual(again, shop);
  assert.notEqual(again, shop);
});

test('each provider has a list of its own', async () => {
  const { swarm } = setUp();
  const targets = createWebhookTargets(swarm);
  assert.equal((await targets('github')).length, 2);
  assert.deepEqual(await targets('gitlab'), []);
});
