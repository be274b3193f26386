import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createParsedTargets } from '../../src/engine/parsed-targets.ts';
import { createWebhookTargets } from '../../src/http/webhook-targets.ts';
import { createFakeSwarm } from '../fixtures/fake-swarm.ts';

const labels = { 'swarm-utils.update.enable': 'true', 'swarm-utils.update.github.on': 'push' };

function setUp() {
  const swarm = createFakeSwarm();
  for (const name of ['shop', 'blog']) {
    swarm.addService({ name, image: `registry.test/${name}:1`, labels });
  }
  const targets = createWebhookTargets(swarm, createParsedTargets());
  return { swarm, targets, list: () => targets('github') };
}

test('labels are parsed once for each version of a service', async () => {
  const { swarm, list } = setUp();
  const [shop, blog] = await list();
  assert.deepEqual([shop?.target.name, blog?.target.name], ['shop', 'blog']);
  swarm.changeService('shop-id', {
    image: 'registry.test/shop:2',
    labels: { ...labels, 'swarm-utils.update.image-allow': 'registry.test/shop:*' },
  });
  const [changedShop, sameBlog] = await list();
  assert.equal(sameBlog?.target, blog?.target);
  assert.equal(changedShop?.target.image, 'registry.test/shop:2');
  assert.equal(changedShop?.target.labels.update.imageAllow?.length, 1);
});

test('a service that is gone, or lacks the label now, is no target', async () => {
  const { swarm, list } = setUp();
  swarm.changeService('blog-id', { labels: {} });
  assert.deepEqual(
    (await list()).map(({ target }) => target.name),
    ['shop'],
  );
  swarm.deleteService('shop-id');
  assert.deepEqual(await list(), []);
});

test('each provider has a list of its own', async () => {
  const { targets } = setUp();
  assert.equal((await targets('github')).length, 2);
  assert.deepEqual(await targets('gitlab'), []);
});

test('a service is a target for each action whose grant asks for webhooks', async () => {
  const { swarm, list } = setUp();
  swarm.changeService('blog-id', {
    labels: { ...labels, 'swarm-utils.clean.enable': 'true', 'swarm-utils.clean.github.on': 'release' },
  });
  assert.deepEqual(
    (await list()).map(({ action, target }) => `${action} ${target.name}`),
    ['update shop', 'update blog', 'clean blog'],
  );
});
