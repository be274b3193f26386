import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { serviceTarget } from '../../src/core/target.ts';
import { createParsedTargets } from '../../src/engine/parsed-targets.ts';
import { createFakeSwarm } from '../fixtures/fake-swarm.ts';

function setUp() {
  const swarm = createFakeSwarm();
  for (const name of ['shop', 'blog']) {
    swarm.addService({ name, labels: { 'swarm-utils.update.enable': 'true' } });
  }
  const parsed: string[] = [];
  const targets = createParsedTargets(service => {
    parsed.push(`${service.name} ${service.version}`);
    return serviceTarget(service);
  });
  return { swarm, parsed, targets };
}

suite('the targets that were parsed', () => {
  test('are parsed once for each version of a service, by whichever way it was read', async () => {
    const { swarm, parsed, targets } = setUp();
    const [shop, blog] = targets.ofAll(await swarm.listServices());
    const found = await swarm.findService('shop');
    assert.ok(found);
    assert.equal(targets.of(found), shop);
    assert.deepEqual(parsed, ['shop 1', 'blog 2']);
    const changed = swarm.changeService('shop-id', { labels: {}, image: 'registry.test/shop:2' });
    const target = targets.of(changed);
    assert.deepEqual([target.image, target.labels.update.isEnabled], ['registry.test/shop:2', false]);
    assert.deepEqual(targets.ofAll(await swarm.listServices()), [target, blog]);
    assert.deepEqual(parsed, ['shop 1', 'blog 2', 'shop 3']);
  });

  test('are those of now: an older answer that comes late is read as it is', async () => {
    const { swarm, targets } = setUp();
    const late = await swarm.findService('shop');
    assert.ok(late);
    const changed = swarm.changeService('shop-id', { labels: {} });
    assert.equal(targets.of(changed).labels.update.isEnabled, false);
    assert.equal(targets.of(late).labels.update.isEnabled, true);
    assert.equal(targets.of(changed).labels.update.isEnabled, false);
  });

  test('forget what is in the newest list no more', async () => {
    const { swarm, parsed, targets } = setUp();
    const services = await swarm.listServices();
    targets.ofAll(services);
    swarm.deleteService('shop-id');
    targets.ofAll(await swarm.listServices());
    targets.ofAll(services);
    assert.deepEqual(parsed, ['shop 1', 'blog 2', 'shop 1']);
  });
});
