import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { statusByErrorCode } from '../../src/http/operation-answer.ts';
import { fakeJwt } from '../fixtures/fake-providers.ts';
import { adminToken, observable, shopToken, startServer } from './start-server.ts';

const labels = {
  'swarm-utils.backup.enable': 'true',
  'swarm-utils.backup.volume-list-upload': 'data,dump',
  'swarm-utils.backup.token': 'canary-backup-token',
  'swarm-utils.backup.github.repository': 'acme/shop',
  'swarm-utils.backup.github.ref': 'refs/heads/main',
  'swarm-utils.restore.enable': 'true',
  'swarm-utils.restore.token': 'canary-restore-token',
};

/** With a service `db` that is backed up for its token and acme/shop, and restored for a token of its own. */
async function setUp(context: TestContext) {
  const server = await startServer(context);
  const { swarm, ask } = server;
  swarm.addService({ name: 'db', labels });
  const post = (action: 'backup' | 'restore', body: object, token?: string, query = '') =>
    ask(`/api/${action}/service${query}`, {
      body: { serviceName: 'db', ...body },
      ...(token && { token }),
    });
  return { ...server, post };
}

test('a service is backed up for its own token, an admin and its pipeline', async context => {
  const { post, operations } = await setUp(context);
  for (const token of ['canary-backup-token', adminToken, fakeJwt({ jti: '1' })]) {
    const answer = await post('backup', {}, token);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.action, 'backup');
  }
  assert.equal((await post('backup', { token: 'canary-backup-token', waitRes: false })).status, 202);
  assert.deepEqual(
    operations.starts.map(({ request, target }) => [request, target.name]),
    Array.from({ length: 4 }, () => [{ action: 'backup' }, 'db']),
  );
});

test('what a restore asks for is what starts', async context => {
  const { post, operations } = await setUp(context);
  const asked = { volume: 'data', backup: '2026-11-22T03-00-00Z', nodeName: 'worker-1' };
  const answers = [
    await post('restore', {}, 'canary-restore-token'),
    await post('restore', asked, adminToken),
    await post('restore', { drill: true }, 'canary-restore-token'),
    await post('restore', { drill: 'true' }, 'canary-restore-token'),
    await post('restore', {}, 'canary-restore-token', '?drill=true'),
    await post('restore', {}, 'canary-restore-token', '?drill=false'),
    await post('restore', { backup: 'node_data_2026-11-22T03-00-00Z.tar.gz' }, 'canary-restore-token'),
    await post('restore', { backup: 'a'.repeat(64) }, 'canary-restore-token'),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    answers.map(() => 200),
  );
  assert.deepEqual(
    operations.starts.map(({ request }) => request),
    [
      { action: 'restore', isDrill: false },
      { action: 'restore', isDrill: false, ...asked },
      { action: 'restore', isDrill: true },
      { action: 'restore', isDrill: true },
      { action: 'restore', isDrill: true },
      { action: 'restore', isDrill: false },
      { action: 'restore', isDrill: false, backup: 'node_data_2026-11-22T03-00-00Z.tar.gz' },
      { action: 'restore', isDrill: false, backup: 'a'.repeat(64) },
    ],
  );
});

test('a token of one action is a stranger to the others', async context => {
  const { post, ask, operations } = await setUp(context);
  const unknown = await post('restore', { serviceName: 'nothing' }, 'canary-backup-token');
  assert.equal(unknown.status, 404);
  const answers = [
    await post('restore', {}, 'canary-backup-token'),
    await post('backup', {}, 'canary-restore-token'),
    await post('backup', {}, shopToken),
    await post('restore', {}, fakeJwt({ jti: '1' })),
    await post('restore', { volume: 'other' }, 'canary-backup-token'),
    await post('restore', { nodeName: 'worker-1' }, shopToken),
    await ask('/api/update/service', { body: { serviceName: 'db' }, token: 'canary-restore-token' }),
  ];
  for (const answer of answers) {
    assert.deepEqual(observable(answer), observable(unknown));
  }
  assert.equal((await post('restore', {}, 'canary-junk')).status, 401);
  assert.equal(operations.starts.length, 0);
});

test('force is for admins', async context => {
  const { post, operations } = await setUp(context);
  for (const action of ['backup', 'restore'] as const) {
    const refused = await post(action, { force: true }, `canary-${action}-token`);
    assert.deepEqual([refused.status, refused.json.error.code], [422, 'force_not_allowed']);
    await post(action, { force: true }, adminToken);
  }
  assert.deepEqual(
    operations.starts.map(({ request }) => request),
    [
      { action: 'backup', isForce: true },
      { action: 'restore', isDrill: false, isForce: true },
    ],
  );
});

test('a volume that the labels do not name, and a node by who is no admin, are refused openly', async context => {
  const { post, operations } = await setUp(context);
  const volume = await post('restore', { volume: 'other', drill: true }, adminToken);
  assert.deepEqual([volume.status, volume.json.error.code], [422, 'volume_not_allowed']);
  const node = await post('restore', { nodeName: 'worker-1' }, 'canary-restore-token');
  assert.deepEqual([node.status, node.json.error.code], [422, 'node_not_allowed']);
  assert.equal(operations.starts.length, 0);
});

const hostile = [
  '',
  ' ',
  '.',
  '..',
  '../x',
  'a/b',
  '/etc',
  '-x',
  '--rm',
  'a b',
  '$(x)',
  'a\nb',
  'a\u0000',
  'ä',
  'a;b',
  7,
  null,
];
for (const [field, values] of [
  ['volume', [...hostile, 'a:b', 'x'.repeat(256), ['data']]],
  ['backup', [...hostile, 'a..b', 'x'.repeat(256), 'a*', 'latest/', {}]],
  ['nodeName', [...hostile, 'x'.repeat(254)]],
  ['drill', ['maybe', '', 1, null, 'TRUE']],
] as const) {
  test(`a hostile ${field} is malformed, and named`, async context => {
    const { post, operations } = await setUp(context);
    for (const value of values) {
      const { status, json } = await post('restore', { [field]: value }, adminToken);
      assert.equal(status, 400, JSON.stringify(value));
      assert.match(json.error.details[0], new RegExp(`^${field}: must be`));
    }
    assert.equal(operations.starts.length, 0);
  });
}

test('a query that is not understood never becomes a restore', async context => {
  const { post, operations } = await setUp(context);
  for (const [query, body, detail] of [
    ['?drill=maybe', {}, 'drill: must be true or false'],
    ['?drill', {}, 'drill: must be true or false'],
    ['?drill=', {}, 'drill: must be true or false'],
    ['?drill=true&drill=false', {}, 'drill: must be true or false'],
    ['?drill=true', { drill: true }, 'drill: is in the query and in the body'],
    ['?drill=true', { drill: false }, 'drill: is in the query and in the body'],
    ['?dril=true', {}, 'The query has an unknown field.'],
    ['?volume=data', {}, 'The query has an unknown field.'],
    ['?canary-secret=x', {}, 'The query has an unknown field.'],
    ['?__proto__=x', {}, 'The query has an unknown field.'],
    ['?constructor=x', {}, 'The query has an unknown field.'],
  ] as const) {
    const { status, json } = await post('restore', body, adminToken, query);
    assert.deepEqual([status, json.error.details], [400, [detail]], query);
  }
  assert.equal(operations.starts.length, 0);
});

test('a backup takes no fields of a restore', async context => {
  const { post } = await setUp(context);
  for (const field of ['volume', 'backup', 'nodeName', 'drill', 'dryRun', 'image']) {
    const { status, json } = await post('backup', { [field]: 'x' }, adminToken);
    assert.deepEqual([status, json.error.details], [400, [`${field}: is unknown`]]);
  }
});

test('a pipeline’s token is good for one request, whatever of it changes', async context => {
  const server = await startServer(context);
  server.swarm.addService({
    name: 'db',
    labels: {
      ...labels,
      'swarm-utils.restore.github.repository': 'acme/shop',
      'swarm-utils.restore.github.ref': 'refs/heads/main',
    },
  });
  const restore = (body: object, token: string) =>
    server.ask('/api/restore/service', { body: { serviceName: 'db', ...body }, token });
  const changes = [
    {},
    { drill: true },
    { volume: 'data' },
    { backup: 'x1' },
    { volume: 'x', backup: 'data' },
  ];
  for (const [index, first] of changes.slice(0, 4).entries()) {
    const token = fakeJwt({ jti: `jti-${index}` });
    const started = await restore(first, token);
    assert.equal(started.status, 200, started.text);
    assert.equal((await restore(first, token)).json.id, started.json.id);
    for (const other of changes.slice(0, 4).filter(change => change !== first)) {
      assert.equal((await restore(other, token)).json.error.code, 'token_reused');
    }
    const { status } = await server.ask('/api/backup/service', { body: { serviceName: 'db' }, token });
    assert.equal(status, 409);
  }
});

test('explain answers for backups and restores too', async context => {
  const { ask } = await setUp(context);
  const explain = (body: object, token = adminToken) =>
    ask('/api/explain', { body: { serviceName: 'db', ...body }, token });
  const own = await explain({ action: 'backup' }, 'canary-backup-token');
  assert.deepEqual([own.json.allowed, own.json.action], [true, 'backup']);
  const restore = await explain({ action: 'restore', volume: 'data', drill: true, backup: 'x' });
  assert.deepEqual([restore.json.allowed, restore.json.action], [true, 'restore']);
  const volume = await explain({ action: 'restore', volume: 'other' }, 'canary-restore-token');
  assert.deepEqual([volume.status, volume.json.reason], [200, 'volume_not_allowed']);
  assert.equal((await explain({ action: 'restore' }, 'canary-backup-token')).status, 404);
  assert.equal((await explain({ action: 'restore', volume: '../x' })).status, 400);
  assert.equal((await explain({ action: 'backup', volume: 'data' })).status, 400);
  const delivery = { provider: 'github', event: 'push', repository: 'acme/shop', ref: 'refs/heads/main' };
  assert.equal((await explain({ action: 'backup', delivery })).json.reason, 'webhook_not_subscribed');
  assert.equal((await explain({ action: 'restore', delivery })).json.reason, 'no_grant');
  assert.equal((await explain({ action: 'backup', delivery, claims: {} })).status, 400);
});

test('a webhook starts the backup that names its event', async context => {
  const { webhook, swarm, operations } = await startServer(context);
  swarm.addService({ name: 'db', labels: { ...labels, 'swarm-utils.backup.github.on': 'push' } });
  const { json } = await webhook({});
  assert.deepEqual(
    json.operations.map((one: { action: string; serviceName: string }) => `${one.action} ${one.serviceName}`),
    ['update shop', 'backup db'],
  );
  assert.deepEqual(operations.starts[1]?.request, { action: 'backup' });
});

test('what went wrong has its status, and the operation is the body', async context => {
  const { post, operations } = await setUp(context);
  const failures = [
    ['backup_target_incomplete', 422],
    ['volume_not_found', 424],
    ['not_stopped', 424],
    ['not_started', 424],
    ['written_meanwhile', 424],
    ['upload_failed', 424],
    ['backup_not_whole', 424],
    ['backup_not_found', 424],
    ['backups_not_removed', 424],
    ['restore_failed', 424],
    ['node_unavailable', 424],
    ['helper_busy', 409],
    ['busy', 409],
    ['swarm_unavailable', 503],
  ] as const;
  for (const [code, expected] of failures) {
    operations.endAllWith({ status: 'failed', error: { code, message: 'why' } });
    const { status, json, headers } = await post('backup', {}, adminToken);
    assert.deepEqual([status, json.error.code, json.action], [expected, code, 'backup']);
    assert.equal(headers['retry-after'], expected === 409 ? '7' : undefined);
  }
  operations.endAllWith({ status: 'timed_out', error: { code: 'timed_out', message: 'why' } });
  assert.equal((await post('restore', {}, adminToken)).status, 504);
  const statuses = Object.values(statusByErrorCode);
  assert.deepEqual(
    statuses.filter(status => ![409, 422, 424, 500, 503, 504].includes(status)),
    [],
  );
});
