import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeJwt } from '../fixtures/fake-providers.ts';
import { adminToken, blogToken, observable, shopToken, startServer } from './start-server.ts';

test('refused credentials above the limit are 429 with Retry-After, and what is valid goes on', async context => {
  const { update, webhook, ask } = await startServer(context, { authFailureLimit: 3 });
  const junk = () => update({ serviceName: 'shop', token: 'junk' });
  const statuses = [
    (await junk()).status,
    (await webhook({}, { headers: { 'x-fake-signature': 'bad' } })).status,
    (await ask('/api/services')).status,
  ];
  assert.deepEqual(statuses, [401, 401, 401]);
  const limited = await junk();
  assert.equal(limited.status, 429);
  assert.equal(limited.json.error.code, 'too_many_failures');
  const seconds = Number(limited.headers['retry-after']);
  assert.ok(seconds >= 1 && seconds <= 60);
  assert.equal((await webhook({}, { headers: { 'x-fake-signature': 'bad' } })).status, 429);

  assert.equal((await update({ serviceName: 'shop', token: shopToken })).status, 200);
  assert.equal((await update({ serviceName: 'shop', token: fakeJwt({ jti: '1' }) })).status, 200);
  assert.equal((await update({ serviceName: 'shop', token: blogToken })).status, 404);
  assert.equal((await webhook({})).status, 202);
  assert.equal((await ask('/healthz')).status, 200);
});

test('what is not a refused credential is not counted', async context => {
  const { update, ask } = await startServer(context, { authFailureLimit: 1 });
  for (let times = 0; times < 5; times += 1) {
    assert.equal((await update({ serviceName: 'nothing', token: shopToken })).status, 404);
    assert.equal((await update({ image: 1 })).status, 400);
    assert.equal((await ask('/nothing')).status, 404);
    assert.equal((await update({ serviceName: 'shop', token: adminToken })).status, 200);
  }
  assert.equal((await update({ serviceName: 'shop', token: 'junk' })).status, 401);
  assert.equal((await update({ serviceName: 'shop', token: 'junk' })).status, 429);
});

test('with the limit 0 there is none', async context => {
  const { update } = await startServer(context, { authFailureLimit: 0 });
  for (let times = 0; times < 100; times += 1) {
    assert.equal((await update({ serviceName: 'shop', token: 'junk' })).status, 401);
  }
});

test('429 is uniform as well', async context => {
  const { update } = await startServer(context, { authFailureLimit: 1 });
  await update({ serviceName: 'shop', token: 'junk' });
  const first = await update({ serviceName: 'shop', token: 'junk' });
  const second = await update({ serviceName: 'nothing' });
  const withoutClock = (answer: typeof first) => ({
    ...observable(answer),
    headers: { ...answer.headers, date: '', 'retry-after': '' },
  });
  assert.deepEqual(withoutClock(second), withoutClock(first));
});

test('a forwarded address counts only where the proxy is trusted', async context => {
  const trusting = await startServer(context, { authFailureLimit: 1, trustProxy: 1 });
  const plain = await startServer(context, { authFailureLimit: 1 });
  const statuses = async ({ update }: typeof plain, addresses: readonly string[]) => {
    const found = [];
    for (const address of addresses) {
      const headers = { 'x-forwarded-for': address };
      found.push((await update({ serviceName: 'shop', token: 'junk' }, { headers })).status);
    }
    return found;
  };
  assert.deepEqual(await statuses(trusting, ['192.0.2.1', '192.0.2.2', '192.0.2.1']), [401, 401, 429]);
  // What the client itself writes in front of the proxy's word is not believed.
  assert.deepEqual(await statuses(trusting, ['10.0.0.1, 192.0.2.1', '10.0.0.2, 192.0.2.1']), [429, 429]);
  assert.deepEqual(await statuses(plain, ['192.0.2.3', '192.0.2.4']), [401, 429]);
  assert.match(trusting.logged(), /"address":"192\.0\.2\.1"/);
});

test('IPv6 addresses of one network count as one', async context => {
  const { update } = await startServer(context, { authFailureLimit: 1, trustProxy: 1 });
  const status = async (address: string) =>
    (await update({ serviceName: 'shop', token: 'junk' }, { headers: { 'x-forwarded-for': address } }))
      .status;
  assert.equal(await status('2001:db8:0:1::1'), 401);
  assert.equal(await status('2001:db8:0:1:ffff::2'), 429);
  assert.equal(await status('2001:db8:1:1::1'), 401);
  assert.equal(await status('::ffff:192.0.2.9'), 401);
  assert.equal(await status('192.0.2.9'), 429);
});

test('an address over the limit is in the log once', async context => {
  const { update, log } = await startServer(context, { authFailureLimit: 2 });
  for (let times = 0; times < 10; times += 1) {
    await update({ serviceName: 'shop', token: 'junk' });
  }
  assert.deepEqual(
    log.map(line => JSON.parse(line).event),
    ['access.refused', 'access.refused', 'access.limited'],
  );
});
