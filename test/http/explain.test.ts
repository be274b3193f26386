import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fakeJwt } from '../fixtures/fake-providers.ts';
import { adminToken, shopToken, startServer } from './start-server.ts';

async function startExplain(context: TestContext) {
  const server = await startServer(context);
  const explain = (body: object, token = adminToken) =>
    server.ask('/api/explain', { body: { action: 'update', serviceName: 'shop', ...body }, token });
  return { ...server, explain };
}

test('a request that is allowed is explained as such, and nothing runs', async context => {
  const { explain, operations, replay } = await startExplain(context);
  for (const token of [shopToken, adminToken, fakeJwt({ jti: '1' })]) {
    const { status, json } = await explain({}, token);
    assert.equal(status, 200);
    assert.equal(json.allowed, true);
    assert.equal(json.serviceName, 'shop');
    assert.deepEqual(json.findings, []);
  }
  assert.equal(operations.starts.length, 0);
  assert.equal(replay.bound.size, 0);
});

test('a request that would be refused openly is explained with every finding', async context => {
  const { explain } = await startExplain(context);
  const { status, json } = await explain({ image: 'registry.test/evil:1' }, shopToken);
  assert.equal(status, 200);
  assert.equal(json.allowed, false);
  assert.equal(json.reason, 'image_not_allowed');
  assert.equal(json.findings[0].reason, 'image_not_allowed');
});

test('an admin asks what claims would be allowed, and hears hidden reasons too', async context => {
  const { explain } = await startExplain(context);
  const allowed = await explain({ claims: { repository: 'acme/shop' } });
  assert.equal(allowed.json.allowed, true);
  assert.deepEqual(allowed.json.caller, {
    kind: 'workload',
    provider: 'github',
    repository: 'acme/shop',
    ref: 'refs/heads/main',
    actor: 'alice',
  });
  const denied = await explain({ claims: { repository: 'evil/shop' } });
  assert.equal(denied.json.reason, 'repository_mismatch');
  assert.match(denied.json.findings[0].message, /evil\/shop/);
});

test('claims that no provider takes are explained as well', async context => {
  const { explain } = await startExplain(context);
  const { status, json } = await explain({ claims: {} });
  assert.equal(status, 200);
  assert.equal(json.allowed, false);
  assert.equal(json.reason, 'unidentified');
  assert.match(json.findings[0].message, /repository is missing/);
});

test('an admin asks what a webhook would start', async context => {
  const { explain } = await startExplain(context);
  const delivery = {
    provider: 'github',
    event: 'push',
    repository: 'acme/shop',
    ref: 'refs/heads/main',
    startedBy: 'push',
  };
  assert.equal((await explain({ delivery })).json.allowed, true);
  assert.equal(
    (await explain({ delivery: { ...delivery, event: 'release' } })).json.reason,
    'webhook_not_subscribed',
  );
  assert.equal(
    (await explain({ delivery: { ...delivery, ref: 'refs/heads/x' } })).json.reason,
    'ref_mismatch',
  );
  const image = 'registry.test/evil:1';
  assert.equal((await explain({ delivery: { ...delivery, image } })).json.reason, 'image_not_allowed');
  assert.equal((await explain({ delivery: { ...delivery, image: 'A:' } })).json.reason, 'image_unknown');
});

test('an id that a webhook of one repository names is no proof in the explanation either', async context => {
  const { explain, swarm } = await startExplain(context);
  const { 'swarm-utils.update.github.repository': _, ...labels } =
    (await swarm.findService('shop'))?.labels ?? {};
  swarm.changeService('shop-id', {
    labels: { ...labels, 'swarm-utils.update.github.repository-id': '1001' },
  });
  const delivery = {
    provider: 'github',
    event: 'push',
    repository: 'a/b',
    repositoryId: '1001',
    ref: 'refs/heads/main',
  };
  assert.equal((await explain({ delivery })).json.reason, 'repository_id_mismatch');
});

test('claims and deliveries of others are for admins only', async context => {
  const { explain } = await startExplain(context);
  const delivery = { provider: 'github', event: 'push', repository: 'acme/shop' };
  for (const token of [shopToken, fakeJwt({ jti: '1' })]) {
    assert.equal((await explain({ claims: { repository: 'acme/shop' } }, token)).status, 404);
    assert.equal((await explain({ delivery }, token)).status, 404);
  }
  assert.equal((await explain({ claims: {} }, 'junk')).status, 401);
});

test('a service that does not exist is 404 for admins as well', async context => {
  const { explain } = await startExplain(context);
  assert.equal((await explain({ serviceName: 'nothing' })).status, 404);
});

for (const [name, body, field] of [
  ['no action', { action: undefined }, 'action'],
  ['an unknown action', { action: 'delete' }, 'action'],
  ['claims that are a list', { claims: [] }, 'claims'],
  ['claims that are text', { claims: 'eyJ' }, 'claims'],
  ['a delivery that is text', { delivery: 'push' }, 'delivery'],
  [
    'an unknown provider',
    { delivery: { provider: 'x', event: 'push', repository: 'a/b' } },
    'delivery.provider',
  ],
  [
    'an event of another provider',
    { delivery: { provider: 'github', event: 'pipeline', repository: 'a/b' } },
    'delivery.event',
  ],
  [
    'claims and a delivery',
    { claims: {}, delivery: { provider: 'github', event: 'push', repository: 'a/b' } },
    'delivery',
  ],
] as const) {
  test(`${name} is 400 and named`, async context => {
    const { explain } = await startExplain(context);
    const { status, json } = await explain(body);
    assert.equal(status, 400);
    assert.ok(json.error.details[0].startsWith(`${field}: `), json.error.details[0]);
  });
}
