import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { serviceTarget } from '../../src/core/target.ts';
import { createParsedTargets } from '../../src/engine/parsed-targets.ts';
import { shopToken, startServer } from './start-server.ts';

/** A server that notes which services have had their labels parsed. */
async function setUp(context: TestContext) {
  const parsed: string[] = [];
  const server = await startServer(context, {
    parsedTargets: createParsedTargets(service => {
      parsed.push(service.name);
      return serviceTarget(service);
    }),
  });
  return { ...server, parsed };
}

test('however many junk tokens come, the labels of each service are parsed once', async context => {
  const { ask, update, webhook, swarm, parsed } = await setUp(context);
  for (let count = 0; count < 5; count += 1) {
    const token = `junk-${count}`;
    const answers = [
      await ask('/api/services', { token }),
      await ask('/api/services?label=swarm-utils.update.enable', { token }),
      await ask('/api/services/shop', { token }),
      await ask('/api/operations', { token }),
      await ask('/api/operations/nothing', { token }),
      await ask('/api/operations?serviceName=shop', { token }),
      await update({ serviceName: 'shop', token }),
      await update({ serviceName: 'nothing', token }),
      await ask('/api/explain', { body: { action: 'update', serviceName: 'blog', token } }),
    ];
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [401]);
  }
  assert.equal((await webhook({})).status, 202);
  assert.deepEqual(parsed.sort(), ['blog', 'shop']);
  swarm.changeService('shop-id', { image: 'registry.test/acme/shop:2' });
  assert.equal((await ask('/api/services', { token: 'junk' })).status, 401);
  assert.deepEqual(parsed.sort(), ['blog', 'shop', 'shop']);
});

test('a junk token that asks for all services has them listed once', async context => {
  const { ask, swarm } = await setUp(context);
  assert.equal((await ask('/api/services', { token: 'junk' })).status, 401);
  assert.equal(swarm.callsOf('listServices').length, 1);
});

test('a token that is somebody’s sees what the labels say now', async context => {
  const { ask, swarm } = await setUp(context);
  assert.equal((await ask('/api/services', { token: shopToken })).status, 200);
  swarm.changeService('shop-id', { labels: { 'swarm-utils.update.token': 'another' } });
  assert.equal((await ask('/api/services', { token: shopToken })).status, 401);
  assert.equal((await ask('/api/services', { token: 'another' })).status, 200);
});
