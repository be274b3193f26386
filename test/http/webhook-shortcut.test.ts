import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adminToken, observable, shopToken, startServer } from './start-server.ts';

/** Ways to one receiver: the first past the router, the others through it. */
const paths = ['/webhooks/github', '/webhooks/github/', '/webhooks/github?from=hook'];

const webhooks = [
  ['a push', {}, 'good', 202],
  ['a wrong signature', {}, 'bad', 401],
  ['what the platform would not send', { fail: 'malformed' }, 'good', 400],
  ['what starts nothing', { ignore: 'A ping.' }, 'good', 200],
  ['a fault', 'no JSON', 'good', 500],
] as const;
for (const [name, body, signature, status] of webhooks) {
  test(`${name} is answered and logged the same on every way to the receiver`, async context => {
    const { ask, log } = await startServer(context);
    const seen = [];
    for (const path of paths) {
      const before = log.length;
      const answer = await ask(path, { body, headers: { 'x-fake-signature': signature } });
      const lines = log.slice(before).map(line => ({ ...JSON.parse(line), time: '', errorId: '', err: '' }));
      seen.push({ lines, answer: { ...observable(answer), text: answer.text.replace(/[0-9a-f-]{36}/, '') } });
      assert.equal(answer.status, status);
    }
    for (const each of seen) {
      assert.deepEqual(each, seen[0]);
    }
  });
}

test('other methods and other paths are the router’s', async context => {
  const { ask } = await startServer(context);
  const get = await ask('/webhooks/github');
  assert.equal(get.status, 405);
  assert.equal(get.headers.allow, 'POST');
  assert.equal((await ask('/webhooks/GitHub', { body: {} })).status, 404);
  assert.equal((await ask('/webhooks/github-org', { body: {} })).status, 404);
  assert.equal((await ask('/webhooks/constructor', { body: {} })).status, 404);
});

test('a server for the API alone has no webhooks', async context => {
  const { webhook } = await startServer(context, { routes: 'api' });
  assert.equal((await webhook({})).status, 404);
});

test('refused webhooks are counted by the address that a trusted proxy names', async context => {
  const { webhook, logged } = await startServer(context, { authFailureLimit: 1, trustProxy: 1 });
  const status = async (address: string) => {
    const headers = { 'x-fake-signature': 'bad', 'x-forwarded-for': address };
    return (await webhook({}, { headers })).status;
  };
  assert.equal(await status('192.0.2.1'), 401);
  assert.equal(await status('192.0.2.2'), 401);
  assert.equal(await status('10.0.0.1, 192.0.2.1'), 429);
  assert.match(logged(), /"address":"192\.0\.2\.2"/);
});

const ofSome = new Set([
  'allow',
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'location',
  'retry-after',
  'transfer-encoding',
  'www-authenticate',
  'x-accel-buffering',
]);

test('every answer has the headers that forbid pages and keeping', async context => {
  const { ask, update, webhook } = await startServer(context, { authFailureLimit: 1 });
  const token = adminToken;
  const bad = { headers: { 'x-fake-signature': 'bad' } };
  const answers = [
    await ask('/healthz'),
    await ask('/nothing'),
    await ask('/webhooks/github', { method: 'OPTIONS' }),
    await ask('/api/services/%ff', { token }),
    await update({ serviceName: 'shop' }, { token: shopToken }),
    await update({ serviceName: 'shop', waitRes: false }, { token }),
    await ask('/api/operations/operation-1/events', { token }),
    await webhook({}),
    await webhook({ fail: 'malformed' }),
    await webhook('no JSON' as unknown as object),
    await webhook({}, bad),
    await webhook({}, bad),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 404, 405, 400, 200, 202, 200, 202, 400, 500, 401, 429],
  );
  for (const { headers } of answers) {
    const everywhere = Object.entries(headers).filter(([name]) => !ofSome.has(name));
    assert.deepEqual(Object.fromEntries(everywhere), {
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'origin-agent-cluster': '?1',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-dns-prefetch-control': 'off',
      'x-download-options': 'noopen',
      'x-frame-options': 'SAMEORIGIN',
      'x-permitted-cross-domain-policies': 'none',
      'x-xss-protection': '0',
    });
  }
});
