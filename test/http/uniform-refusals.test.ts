import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeJwt } from '../fixtures/fake-providers.ts';
import {
  type Answer,
  type Ask,
  adminToken,
  blogToken,
  observable,
  shopToken,
  startServer,
} from './start-server.ts';

const junk = 'canary-junk-token';
const big = 'x'.repeat(16 * 1024 + 1);

/** Every one of them is answered like the first, byte for byte. */
function assertAllEqual(answers: readonly (readonly [string, Answer])[]): void {
  const [, first] = answers[0] ?? [];
  assert.ok(first);
  for (const [name, answer] of answers) {
    assert.deepEqual(observable(answer), observable(first), name);
  }
}

test('all refused credentials get one answer, whatever the cause and whether the service exists', async context => {
  const { update, webhook, operations } = await startServer(context);
  const body = { serviceName: 'shop' };
  const answers: [string, Answer][] = [
    ['none', await update(body)],
    ['junk', await update(body, { token: junk })],
    ['junk in the body', await update({ ...body, token: junk })],
    ['empty in the body', await update({ ...body, token: '' })],
    ['junk for no service', await update({ serviceName: 'nothing' }, { token: junk })],
    ['junk for a service without token', await update({ serviceName: 'blog' }, { token: junk })],
    [
      'a JWT that is refused',
      await update(body, { token: fakeJwt({ jti: '1', fail: 'invalid_credential' }) }),
    ],
    ['something like a JWT', await update(body, { token: 'aa.bb.cc' })],
    ['more than 16 KiB', await update(body, { token: big })],
    ['more than 16 KiB in the body', await update({ ...body, token: big })],
    ['no Bearer', await update(body, { headers: { authorization: `Basic ${shopToken}` } })],
    ['an empty Bearer', await update(body, { headers: { authorization: 'Bearer ' } })],
    ['two words', await update(body, { headers: { authorization: `Bearer ${shopToken} ${shopToken}` } })],
    ['the end of a token', await update(body, { token: shopToken.slice(1) })],
    ['the start of a token', await update(body, { token: shopToken.slice(0, -1) })],
    ['another case', await update(body, { token: shopToken.toUpperCase() })],
    ['a label', await update(body, { token: 'true' })],
    ['a wrong signature', await webhook({}, { headers: { 'x-fake-signature': 'bad' } })],
  ];
  assert.equal(answers[0]?.[1].status, 401);
  assert.deepEqual(Object.keys(answers[0]?.[1].json.error), ['code', 'message']);
  assertAllEqual(answers);
  assert.equal(operations.starts.length, 0);
});

test('reading without a valid credential gets that answer too', async context => {
  const { ask, update } = await startServer(context);
  await update({ serviceName: 'shop', token: shopToken });
  const first = await update({ serviceName: 'shop' });
  const paths = [
    '/api/services',
    '/api/services?label=swarm-utils.update.enable',
    '/api/services/shop',
    '/api/services/nothing',
    '/api/operations',
    '/api/operations?serviceName=shop',
    '/api/operations?serviceName=nothing',
    '/api/operations/operation-1',
    '/api/operations/operation-2',
    '/api/operations/operation-1/events',
  ];
  for (const token of [undefined, junk]) {
    const options: Ask = token === undefined ? {} : { token };
    const answers = await Promise.all(paths.map(async path => [path, await ask(path, options)] as const));
    const explained = await ask('/api/explain', {
      body: { action: 'update', serviceName: 'shop' },
      ...options,
    });
    assertAllEqual([['update', first], ...answers, ['explain', explained]]);
  }
});

const outsiders = [
  ['the token of another service', blogToken],
  ['an OIDC token of another repository', fakeJwt({ jti: '1', identity: { repository: 'evil/shop' } })],
  [
    'an OIDC token of a repository of the same name with another owner id and provider',
    fakeJwt({ jti: '2', identity: { provider: 'gitlab' } }),
  ],
] as const;
for (const [name, token] of outsiders) {
  test(`${name} can not tell a service that is not its own from one that does not exist`, async context => {
    const { ask, update, operations } = await startServer(context);
    await update({ serviceName: 'shop', token: shopToken });
    const answers: [string, Answer][] = [
      ['update of nothing', await update({ serviceName: 'nothing' }, { token })],
      ['update', await update({ serviceName: 'shop' }, { token })],
      ['with an image', await update({ serviceName: 'shop', image: 'evil:1' }, { token })],
      ['explain', await ask('/api/explain', { body: { action: 'update', serviceName: 'shop' }, token })],
      [
        'explain nothing',
        await ask('/api/explain', { body: { action: 'update', serviceName: 'no' }, token }),
      ],
      ['service', await ask('/api/services/shop', { token })],
      ['no service', await ask('/api/services/nothing', { token })],
      ['operation', await ask('/api/operations/operation-1', { token })],
      ['no operation', await ask('/api/operations/operation-2', { token })],
      ['events', await ask('/api/operations/operation-1/events', { token })],
      ['operations', await ask('/api/operations?serviceName=shop', { token })],
      ['no operations', await ask('/api/operations?serviceName=nothing', { token })],
      ['no route', await ask('/api/nothing', { token })],
      ['no provider', await ask('/webhooks/nothing', { body: {}, token })],
      ['an unconfigured provider', await ask('/webhooks/github-org', { body: {}, token })],
    ];
    assert.equal(answers[0]?.[1].status, 404);
    assertAllEqual(answers);
    assert.equal(operations.starts.length, 1);
  });
}

const nearMisses = [
  ['from another branch', { ref: 'refs/heads/evil' }, 'ref_mismatch'],
  ['from a branch that begins like it', { ref: 'refs/heads/main-evil' }, 'ref_mismatch'],
  ['from a pull request', { startedBy: 'pull_request_target' }, 'event_not_allowed'],
] as const;
for (const [name, identity, reason] of nearMisses) {
  test(`its own repository ${name} is 404 too, and explain says why`, async context => {
    const { ask, update, logged, operations } = await startServer(context);
    const token = fakeJwt({ jti: '1', identity });
    const nothing = await update({ serviceName: 'nothing' }, { token });
    assertAllEqual([
      ['nothing', nothing],
      ['shop', await update({ serviceName: 'shop' }, { token })],
    ]);
    assert.equal(nothing.status, 404);
    const { status, json } = await ask('/api/explain', {
      body: { action: 'update', serviceName: 'shop' },
      token,
    });
    assert.equal(status, 200);
    assert.equal(json.allowed, false);
    assert.equal(json.reason, reason);
    assert.equal(json.findings.length, 1);
    assert.match(logged(), new RegExp(`"event":"access.denied".*"reason":"${reason}"`));
    assert.equal(operations.starts.length, 0);
  });
}

test('the log has one line for a refused credential, with the reason and without the credential', async context => {
  const { update, log } = await startServer(context);
  await update({ serviceName: 'shop', token: junk });
  await update(
    { serviceName: 'shop' },
    { token: fakeJwt({ jti: 'canary-jti', fail: 'invalid_credential' }) },
  );
  assert.equal(log.length, 2);
  const [first, second] = log.map(line => JSON.parse(line));
  assert.equal(first.level, 'warn');
  assert.equal(first.event, 'access.refused');
  assert.equal(first.route, 'POST /api/update/service');
  assert.equal(first.address, '127.0.0.1');
  assert.equal(second.reason, 'the fake verifier says invalid_credential');
  assert.doesNotMatch(log.join(''), /canary|shop|eyJ/);
});

test('neither answers nor the log hold a secret of labels, requests or configuration', async context => {
  const { ask, update, webhook, logged } = await startServer(context);
  const answers: Answer[] = [];
  for (const token of [adminToken, shopToken, blogToken, junk, fakeJwt({ jti: '1' })]) {
    answers.push(
      await update({ serviceName: 'shop', token }),
      await update({ serviceName: 'shop', token, image: 'evil:1', isForce: 1 }),
      await ask('/api/services', { token }),
      await ask('/api/services/shop', { token }),
      await ask('/api/operations', { token }),
      await ask('/api/explain', { body: { action: 'update', serviceName: 'shop' }, token }),
    );
  }
  answers.push(await webhook({}), await webhook({}, { headers: { 'x-fake-signature': 'bad' } }));
  assert.doesNotMatch(
    answers
      .map(observable)
      .map(answer => JSON.stringify(answer))
      .join('\n'),
    /canary/,
  );
  assert.doesNotMatch(logged(), /canary/);
});
