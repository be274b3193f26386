import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { adminToken, shopToken, startServer } from './start-server.ts';

const wrongBodies: readonly (readonly [string, object, readonly RegExp[]])[] = [
  ['no service', { image: 'a:1' }, [/^serviceName: is required$/]],
  ['a number for the service', { serviceName: 1 }, [/^serviceName: must be a string$/]],
  ['null for the service', { serviceName: null }, [/^serviceName: /]],
  ['a list for the service', { serviceName: ['shop'] }, [/^serviceName: /]],
  ['an object for the service', { serviceName: { $ne: '' } }, [/^serviceName: /]],
  ['an empty service', { serviceName: '' }, [/^serviceName: /]],
  ['a long service', { serviceName: 's'.repeat(64) }, [/^serviceName: /]],
  [
    'a bad image',
    { serviceName: 'shop', image: 'registry.test/UPPER:1' },
    [/^image: must be an image reference$/],
  ],
  ['an empty image', { serviceName: 'shop', image: '' }, [/^image: /]],
  ['a null image', { serviceName: 'shop', image: null }, [/^image: /]],
  ['an image of shell', { serviceName: 'shop', image: 'x$(id)' }, [/^image: /]],
  ['an image with an option', { serviceName: 'shop', image: '--force' }, [/^image: /]],
  ['a number for force', { serviceName: 'shop', isForce: 1 }, [/^isForce: must be true or false$/]],
  ['a word for force', { serviceName: 'shop', isForce: 'yes' }, [/^isForce: /]],
  ['a number for the token', { serviceName: 'shop', token: 1 }, [/^token: must be a string$/]],
  [
    'a value in place of a name',
    { serviceName: 'shop', 'canary-in-place-of-a-name': 'x' },
    [/^\(no name of a field\): is unknown$/],
  ],
  ['an unknown field', { serviceName: 'shop', servicename: 'x' }, [/^servicename: is unknown$/]],
  [
    'everything wrong at once',
    { image: '', isForce: 1, waitRes: 'maybe', extra: 1, other: 2 },
    [/^serviceName/, /^image/, /^isForce/, /^waitRes/, /^extra/, /^other/],
  ],
];
for (const [name, body, expected] of wrongBodies) {
  test(`${name} is 400 and named`, async context => {
    const { update, operations, swarm } = await startServer(context);
    const answer = await update(body, { token: shopToken });
    assert.equal(answer.status, 400);
    assert.equal(answer.json.error.code, 'malformed');
    assert.equal(answer.json.error.details.length, expected.length);
    for (const pattern of expected) {
      assert.ok(
        answer.json.error.details.some((detail: string) => pattern.test(detail)),
        String(pattern),
      );
    }
    assert.equal(operations.starts.length, 0);
    assert.equal(swarm.calls.length, 0);
  });
}

for (const serviceName of [
  'shop; rm -rf /',
  'shop$(id)',
  'shop`id`',
  'shop && id',
  'shop|id',
  "shop' --x '",
  'shop"',
  'shop\n',
  'shop\r\nX-Injected: 1',
  'shop\0',
  '../shop',
  'shop/..',
  '-shop',
  'shop ',
  'shоp', // a Cyrillic о
  'ｓｈｏｐ',
  'shop\u200b',
  'shop\u202e',
]) {
  test(`the service name ${JSON.stringify(serviceName)} is 400 and reaches nobody`, async context => {
    const { update, ask, swarm } = await startServer(context);
    assert.equal((await update({ serviceName }, { token: adminToken })).status, 400);
    assert.equal(swarm.calls.length, 0);
    const answer = await ask(`/api/services/${encodeURIComponent(serviceName)}`, { token: adminToken });
    assert.equal(answer.status, 404);
    assert.equal(answer.headers['x-injected'], undefined);
  });
}

const rawBodies: readonly (readonly [string, string | Uint8Array])[] = [
  ['no JSON', '{"serviceName":'],
  ['nothing', ''],
  ['a string', '"shop"'],
  ['a list', '[]'],
  ['null', 'null'],
  ['a number', '1'],
  ['bytes that are no UTF-8', Buffer.from('{"serviceName":"\xff"}', 'latin1')],
  ['UTF-16', Buffer.from('{"serviceName":"shop"}', 'utf16le')],
  ['a field twice', '{"serviceName":"shop","serviceName":"blog"}'],
  ['a field twice in disguise', '{"token":"a","\\u0074oken":"b","serviceName":"shop"}'],
  ['60 000 brackets', '['.repeat(30_000) + ']'.repeat(30_000)],
  ['deep objects', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
  ['a prototype', '{"serviceName":"shop","__proto__":{"isAdmin":true}}'],
  ['a constructor', '{"serviceName":"shop","constructor":{"prototype":{"isAdmin":true}}}'],
];
for (const [name, body] of rawBodies) {
  test(`a body of ${name} is 400`, async context => {
    const { ask, swarm } = await startServer(context);
    const answer = await ask('/api/update/service', { method: 'POST', body, token: adminToken });
    assert.equal(answer.status, 400);
    assert.equal(answer.json.error.code, 'malformed');
    assert.equal(swarm.calls.length, 0);
    assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
  });
}

test('malformed JSON is not quoted in the answer or the log', async context => {
  const { ask, logged } = await startServer(context);
  const answer = await ask('/api/update/service', { body: '{"token":"canary" "serviceName"' });
  assert.equal(answer.status, 400);
  assert.doesNotMatch(answer.text + logged(), /canary/);
});

test('a body of 64 KiB is read, one more byte is 413', async context => {
  const { ask } = await startServer(context);
  const bodyOf = (size: number) => {
    const start = `{"serviceName":"shop","token":"${shopToken}"`;
    return `${start}${' '.repeat(size - start.length - 1)}}`;
  };
  assert.equal((await ask('/api/update/service', { body: bodyOf(64 * 1024) })).status, 200);
  const answer = await ask('/api/update/service', { body: bodyOf(64 * 1024 + 1) });
  assert.equal(answer.status, 413);
  assert.equal(answer.json.error.code, 'too_large');
});

test('many wrong fields make a short answer', async context => {
  const { update } = await startServer(context);
  const body = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`${index}`.padEnd(200, 'x'), 1]),
  );
  const answer = await update(body);
  assert.equal(answer.status, 400);
  assert.ok(answer.text.length < 3000);
});

for (const type of [
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/json; charset=utf-16',
  'x',
  '',
]) {
  test(`the content type ${JSON.stringify(type)} is 415`, async context => {
    const { update } = await startServer(context);
    const answer = await update(
      { serviceName: 'shop', token: shopToken },
      { headers: { 'content-type': type } },
    );
    assert.equal(answer.status, 415);
    assert.equal(answer.json.error.code, 'unsupported_media_type');
  });
}

test('application/json with its charset is taken in any case', async context => {
  const { update } = await startServer(context);
  for (const type of ['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
    const answer = await update(
      { serviceName: 'shop', token: shopToken },
      { headers: { 'content-type': type } },
    );
    assert.equal(answer.status, 200);
  }
});

test('a compressed body is 415, so that none can grow', async context => {
  const { ask, webhook } = await startServer(context);
  const body = gzipSync(JSON.stringify({ serviceName: 'shop', token: shopToken }));
  const headers = { 'content-encoding': 'gzip' };
  assert.equal((await ask('/api/update/service', { body, headers })).status, 415);
  assert.equal((await webhook(body, { headers })).status, 415);
});

test('another method is 405 and says which one is right', async context => {
  const { ask } = await startServer(context);
  for (const [method, path, allow] of [
    ['GET', '/api/update/service', 'POST'],
    ['PUT', '/api/update/service', 'POST'],
    ['OPTIONS', '/api/update/service', 'POST'],
    ['DELETE', '/api/services/shop', 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['GET', '/webhooks/github', 'POST'],
  ] as const) {
    const answer = await ask(path, { method });
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.equal(answer.headers.allow, allow);
    assert.equal(answer.json.error.code, 'method_not_allowed');
  }
});

for (const path of ['/api/operations/%ff', '/api/services/%E0%A4%A', '/api/operations/%']) {
  test(`bad percent-encoding in ${path} is 400`, async context => {
    const { ask } = await startServer(context);
    const answer = await ask(path, { token: adminToken });
    assert.equal(answer.status, 400);
    assert.equal(answer.json.error.code, 'malformed');
    assert.doesNotMatch(answer.text, /%|URIError/);
  });
}

for (const query of [
  'limit=0',
  'limit=201',
  'limit=-1',
  'limit=1e3',
  'limit=',
  'limit=1&limit=2',
  'offset=1',
  'limit[a]=1',
]) {
  test(`operations?${query} is 400 and names the field`, async context => {
    const { ask } = await startServer(context);
    const answer = await ask(`/api/operations?${query}`, { token: adminToken });
    assert.equal(answer.status, 400);
    assert.equal(answer.json.error.details.length, 1);
  });
}

test('no answer names the framework, and none may be kept', async context => {
  const { ask } = await startServer(context);
  for (const path of ['/healthz', '/nothing', '/api/services']) {
    const { headers } = await ask(path);
    assert.equal(headers['x-powered-by'], undefined);
    assert.equal(headers.server, undefined);
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-content-type-options'], 'nosniff');
  }
});
