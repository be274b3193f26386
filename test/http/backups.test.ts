import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BackupSummary } from '../../src/core/backup.ts';
import { OperationError } from '../../src/core/errors.ts';
import type { ServiceTarget } from '../../src/core/target.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { fakeJwt } from '../fixtures/fake-providers.ts';
import { adminToken, blogToken, observable, shopToken, startServer } from './start-server.ts';

const summary: BackupSummary = {
  id: '2026-11-22T03-00-00Z',
  createdAt: '2026-11-22T03:00:00.000Z',
  isComplete: true,
  archives: [
    {
      name: 'worker-1_data_2026-11-22T03-00-00Z.tar.gz',
      node: 'worker-1',
      volume: 'data',
      backup: '2026-11-22T03-00-00Z',
      sizeBytes: 7,
    },
  ],
};

/** With a service `db` that two tokens and a pipeline may back up or restore, and lists that the test makes. */
async function setUp(context: TestContext) {
  const asked: ServiceTarget[] = [];
  let list: () => Promise<readonly BackupSummary[]> = async () => [summary];
  const server = await startServer(context, {
    listBackups: target => {
      asked.push(target);
      return list();
    },
  });
  const labels = {
    'swarm-utils.backup.enable': 'true',
    'swarm-utils.backup.volume-list-upload': 'data',
    'swarm-utils.backup.token': 'canary-backup-token',
    'swarm-utils.backup.github.repository': 'acme/shop',
    'swarm-utils.backup.github.ref': 'refs/heads/main',
    'swarm-utils.restore.enable': 'true',
    'swarm-utils.restore.token': 'canary-restore-token',
    'swarm-utils.update.enable': 'true',
    'swarm-utils.update.token': 'canary-update-token',
  };
  server.swarm.addService({ name: 'db', labels });
  return {
    ...server,
    labels,
    asked,
    listWith: (next: typeof list) => {
      list = next;
    },
    backups: (token: string, query = '?serviceName=db') => server.ask(`/api/backups${query}`, { token }),
  };
}

test('who may back up or restore a service sees what can be restored', async context => {
  const { backups, asked } = await setUp(context);
  const jwt = fakeJwt({ jti: '1' });
  for (const token of ['canary-backup-token', 'canary-restore-token', adminToken, jwt, jwt]) {
    const { status, json } = await backups(token);
    assert.deepEqual([status, json], [200, { serviceName: 'db', backups: [summary] }]);
  }
  assert.equal(asked[0]?.name, 'db');
});

test('for everybody else there is nothing, whether the service exists or not', async context => {
  const { backups, asked } = await setUp(context);
  for (const token of [
    'canary-update-token',
    shopToken,
    blogToken,
    fakeJwt({ jti: '1', identity: { repository: 'evil/x' } }),
  ]) {
    const unknown = await backups(token, '?serviceName=nothing');
    assert.equal(unknown.status, 404);
    assert.deepEqual(observable(await backups(token)), observable(unknown));
  }
  for (const query of ['?serviceName=db', '?serviceName=nothing']) {
    assert.equal((await backups('canary-junk', query)).status, 401);
  }
  assert.equal((await backups(adminToken, '?serviceName=nothing')).status, 404);
  assert.equal(asked.length, 0);
});

test('a service that is not backed up, or whose labels have faults, is said to be so to who may', async context => {
  const { backups, swarm, labels, asked } = await setUp(context);
  swarm.changeService('db-id', {
    labels: { ...labels, 'swarm-utils.backup.enable': 'false', 'swarm-utils.restore.enable': 'false' },
  });
  const disabled = await backups('canary-restore-token');
  assert.deepEqual([disabled.status, disabled.json.error.code], [422, 'action_not_enabled']);
  swarm.changeService('db-id', { labels: { ...labels, 'swarm-utils.backup.engin': 'restic' } });
  for (const token of ['canary-backup-token', 'canary-restore-token', adminToken]) {
    assert.equal((await backups(token)).json.error.code, 'label_fault');
  }
  assert.equal((await backups('canary-update-token')).status, 404);
  swarm.changeService('db-id', { labels: { ...labels, 'swarm-utils.restore.enable': 'false' } });
  assert.equal((await backups('canary-backup-token')).status, 200);
  assert.equal(asked.length, 1);
});

test('a query that is wrong is 400 and named', async context => {
  const { backups } = await setUp(context);
  for (const [query, detail] of [
    ['', 'serviceName: is required'],
    ['?serviceName=../x', 'serviceName: must be'],
    ['?serviceName=db&serviceName=shop', 'serviceName: must be'],
    ['?serviceName=db&limit=1', 'limit: is unknown'],
  ] as const) {
    const { status, json } = await backups(adminToken, query);
    assert.equal(status, 400, query);
    assert.ok(json.error.details[0].startsWith(detail), json.error.details[0]);
  }
});

test('those who ask while a list is being made share it, and the next one is new', async context => {
  const { backups, asked, listWith, swarm } = await setUp(context);
  const { promise, resolve } = Promise.withResolvers<readonly BackupSummary[]>();
  const first = Promise.withResolvers<void>();
  listWith(() => {
    first.resolve();
    return promise;
  });
  const one = backups(adminToken);
  await first.promise;
  const others = [backups('canary-backup-token'), backups('canary-restore-token')];
  do {
    // Who is not let in does not wait.
    assert.equal((await backups('canary-update-token')).status, 404);
  } while (swarm.callsOf('findService').length < 4);
  assert.equal((await backups('canary-update-token')).status, 404);
  resolve([summary]);
  for (const answer of await Promise.all([one, ...others])) {
    assert.deepEqual(answer.json.backups, [summary]);
  }
  assert.equal(asked.length, 1);
  assert.equal((await backups(adminToken)).status, 200);
  assert.equal(asked.length, 2);
});

test('a list that fails is forgotten, and lists of many services at once are refused', async context => {
  const { backups, listWith, swarm, labels, asked } = await setUp(context);
  listWith(() => Promise.reject(new OperationError('helper_failed', 'The helper failed.')));
  assert.equal((await backups(adminToken)).status, 424);
  listWith(async () => []);
  assert.deepEqual((await backups(adminToken)).json.backups, []);
  asked.length = 0;
  const { promise, resolve } = Promise.withResolvers<readonly BackupSummary[]>();
  const all = Promise.withResolvers<void>();
  listWith(() => {
    if (asked.length === 8) {
      all.resolve();
    }
    return promise;
  });
  const names = Array.from({ length: 9 }, (_, index) => `db${index}`);
  for (const name of names) {
    swarm.addService({ name, labels });
  }
  const running = names.slice(0, 8).map(name => backups(adminToken, `?serviceName=${name}`));
  await all.promise;
  const refused = await backups(adminToken, '?serviceName=db8');
  assert.deepEqual([refused.status, refused.json.error.code], [503, 'overloaded']);
  resolve([]);
  for (const { status } of await Promise.all(running)) {
    assert.equal(status, 200);
  }
});

test('what goes wrong is said, with the status that an operation would have', async context => {
  const { backups, listWith, logged } = await setUp(context);
  for (const [code, expected] of [
    ['backup_target_incomplete', 422],
    ['helper_failed', 424],
    ['backup_not_found', 424],
    ['node_unavailable', 424],
    ['helper_busy', 409],
    ['swarm_unavailable', 503],
    ['timed_out', 504],
  ] as const) {
    listWith(() => Promise.reject(new OperationError(code, 'This is why.')));
    const { status, json, headers } = await backups('canary-backup-token');
    assert.deepEqual([status, json], [expected, { error: { code, message: 'This is why.' } }]);
    assert.equal(headers['retry-after'] !== undefined, status === 409 || status === 503, code);
  }
  listWith(() => Promise.reject(new SwarmError('unavailable', 'unix:///somewhere')));
  const away = await backups(adminToken);
  assert.deepEqual([away.status, away.json.error.code], [503, 'swarm_unavailable']);
  for (const error of [new OperationError('internal', 'canary-inside'), new TypeError('canary-inside')]) {
    listWith(() => Promise.reject(error));
    const fault = await backups(adminToken);
    assert.deepEqual([fault.status, fault.json.error.code], [500, 'internal']);
    assert.doesNotMatch(fault.text, /canary-inside/);
  }
  assert.match(logged(), /canary-inside/);
  assert.doesNotMatch(logged(), /canary-(?:backup|restore)-token/);
});
