import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { authorize, redeemLabelToken } from '../../src/core/authorize.ts';
import type { ActionRequest, Caller, RestoreRequest } from '../../src/core/operation.ts';
import type { BackupDefaults } from '../../src/core/plan/backup.ts';
import { planOperation } from '../../src/core/plan/index.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { backupDefaults } from './backup-defaults.ts';
import { cleanNodeDefaults, cleanServiceDefaults } from './clean-defaults.ts';
import { deliveryCaller, type Labels, shopIdentity, tokenCaller, workload } from './examples.ts';

const admin: Caller = { kind: 'admin' };
const backup = { action: 'backup' } as const;
const restore: RestoreRequest = { action: 'restore', isDrill: false };

function database(labels: Labels = {}) {
  const all = {
    'backup.enable': 'true',
    'backup.exec': 'pg_dump > /dump/all.sql',
    'backup.stop': 'true',
    'backup.volume-list-upload': 'data,dump',
    'restore.enable': 'true',
    ...labels,
  };
  return serviceTarget({
    id: 'db-id',
    name: 'db',
    image: 'postgres:18',
    labels: Object.fromEntries(Object.entries(all).map(([key, value]) => [`swarm-utils.${key}`, value])),
  });
}

function plan(
  request: ActionRequest,
  target = database(),
  defaults: BackupDefaults = backupDefaults,
  caller = admin,
) {
  const decision = authorize(caller, request, target);
  assert.ok(decision.allowed, JSON.stringify(decision));
  return planOperation(redeemLabelToken(decision.labelToken), {
    updateTimeoutMs: 1,
    cleanService: cleanServiceDefaults,
    cleanNode: cleanNodeDefaults,
    backup: defaults,
  });
}

const namesOf = (steps: ReturnType<typeof plan>) =>
  steps.map(({ name, when }) => (when === 'always' ? `${name}!` : name)).join(' ');
const timesOf = (steps: ReturnType<typeof plan>) =>
  Object.fromEntries(steps.map(({ name, timeoutMs }) => [name, timeoutMs]));

suite('the plan of a backup', () => {
  test('looks first, dumps before it stops, and starts whatever came between', () => {
    assert.equal(namesOf(plan(backup)), 'locate exec stop upload start! verify forget');
    const [locate, exec, , upload] = plan(backup);
    assert.deepEqual(locate?.work, { kind: 'locate-volumes', volumes: ['data', 'dump'], isStopped: true });
    assert.deepEqual(exec?.work, {
      kind: 'exec',
      shell: '/bin/sh',
      script: 'pg_dump > /dump/all.sql',
      isRequired: true,
    });
    assert.ok(upload?.work.kind === 'upload');
    assert.equal(upload.work.store.prefix, 'db');
  });

  test('is good without its dump where the label says so, and dumps as whom the label says', () => {
    const [, exec] = plan(backup, database({ 'backup.exec.required': 'false', 'backup.exec.user': '70' }));
    assert.ok(exec?.work.kind === 'exec');
    assert.deepEqual([exec.work.isRequired, exec.work.user], [false, '70']);
  });

  test('has no more steps than the labels want', () => {
    const without = (...keys: readonly string[]) => {
      const { labels: _, ...target } = database();
      const written = { 'backup.enable': 'true', 'backup.exec': 'x', 'backup.volume-list-upload': 'data' };
      const left = Object.entries(written).filter(([key]) => !keys.includes(key));
      const labels = Object.fromEntries(left.map(([key, value]) => [`swarm-utils.${key}`, value]));
      return namesOf(plan(backup, serviceTarget({ ...target, labels })));
    };
    assert.equal(without(), 'locate exec upload verify forget');
    assert.equal(without('backup.exec'), 'locate upload verify forget');
    assert.equal(without('backup.volume-list-upload'), 'exec');
  });

  test('has the times of the environment, and those of the labels over them', () => {
    const { execTimeoutMs, stopTimeoutMs, uploadTimeoutMs, startTimeoutMs } = backupDefaults;
    assert.deepEqual(timesOf(plan(backup)), {
      locate: stopTimeoutMs,
      exec: execTimeoutMs,
      stop: stopTimeoutMs,
      upload: uploadTimeoutMs,
      start: startTimeoutMs,
      verify: uploadTimeoutMs,
      forget: uploadTimeoutMs,
    });
    const all = { ...timesOf(plan(backup)), exec: 9, stop: 9, upload: 9, start: 9, verify: 9, forget: 9 };
    assert.deepEqual(timesOf(plan(backup, database({ 'backup.timeout': '9' }))), all);
    const own = {
      'backup.timeout': '9',
      'backup.exec.timeout': '1',
      'backup.stop.timeout': '2',
      'backup.volume-list-upload.timeout': '3',
      'backup.start.timeout': '4',
    };
    const times = { ...all, exec: 1, stop: 2, upload: 3, start: 4, verify: 3, forget: 3 };
    assert.deepEqual(timesOf(plan(backup, database(own))), times);
    const verifyMs = (labels: Labels, verifyTimeoutMs?: number) =>
      timesOf(plan(backup, database(labels), { ...backupDefaults, verifyTimeoutMs })).verify;
    assert.equal(verifyMs({}, 7), 7);
    assert.equal(verifyMs({ 'backup.verify.timeout': '8' }, 7), 8);
  });

  test('has the shell of the label over that of the environment', () => {
    const shellOf = (labels: Labels) => {
      const [, exec] = plan(backup, database(labels), { ...backupDefaults, shell: '/bin/ash' });
      return exec?.work.kind === 'exec' && exec.work.shell;
    };
    assert.equal(shellOf({}), '/bin/ash');
    assert.equal(shellOf({ 'backup.exec.shell': '/bin/bash' }), '/bin/bash');
  });

  test('is refused as a whole where it has no place to go, and needs none for a dump alone', () => {
    const { s3 } = backupDefaults.store;
    const nowhere = {
      ...backupDefaults,
      store: { ...backupDefaults.store, s3: { ...s3, bucket: undefined } },
    };
    assert.throws(() => plan(backup, database(), nowhere), { code: 'backup_target_incomplete' });
    assert.throws(() => plan(restore, database(), nowhere), { code: 'backup_target_incomplete' });
    const dump = serviceTarget({
      ...database(),
      labels: { 'swarm-utils.backup.enable': 'true', 'swarm-utils.backup.exec': 'pg_dump' },
    });
    assert.equal(namesOf(plan(backup, dump, nowhere)), 'exec');
  });
});

suite('the plan of a restore', () => {
  test('fetches before anything is touched, and whatever came before puts in order and starts', () => {
    assert.equal(namesOf(plan(restore)), 'find stop fetch swap! start!');
    const [find] = plan(restore);
    assert.ok(find?.work.kind === 'find-backup');
    const { store, ...wanted } = find.work;
    assert.deepEqual(wanted, { kind: 'find-backup', volumes: ['data', 'dump'], isStopped: true });
    assert.equal(store.prefix, 'db');
  });

  test('carries what was asked for', () => {
    const asked = { volume: 'dump', backup: '2026-11-22T03-00-00Z', nodeName: 'worker-2' };
    const [find] = plan({ ...restore, ...asked });
    assert.ok(find?.work.kind === 'find-backup');
    const { volumes, backup: id, nodeName } = find.work;
    assert.deepEqual([volumes, id, nodeName], [['dump'], asked.backup, 'worker-2']);
  });

  test('of a drill stops nothing and swaps nothing', () => {
    const steps = plan({ ...restore, isDrill: true });
    assert.equal(namesOf(steps), 'find drill');
    assert.equal(steps[0]?.work.kind === 'find-backup' && steps[0].work.isStopped, false);
  });

  test('has a time of its own, else that of an upload', () => {
    const timesWith = (labels: Labels) => timesOf(plan(restore, database(labels)));
    const { uploadTimeoutMs, stopTimeoutMs, startTimeoutMs } = backupDefaults;
    // What a short time has cut off must be removed all the same.
    const all = { stop: stopTimeoutMs, start: startTimeoutMs, swap: uploadTimeoutMs };
    assert.deepEqual(timesWith({}), { ...all, find: uploadTimeoutMs, fetch: uploadTimeoutMs });
    const upload = { 'backup.volume-list-upload.timeout': '7' };
    assert.deepEqual(timesWith(upload), { ...all, find: 7, fetch: 7 });
    assert.deepEqual(timesWith({ ...upload, 'restore.timeout': '8' }), { ...all, find: 8, fetch: 8 });
    const long = { 'restore.timeout': '900_000' };
    assert.equal(timesWith(long).swap, 900_000);
    assert.equal(timesWith({ 'backup.stop.timeout': '5' }).stop, 5);
  });
});

suite('who may back up and restore', () => {
  const answer = (caller: Caller, request: ActionRequest, target = database()) => {
    const decision = authorize(caller, request, target);
    return decision.allowed ? 'allowed' : decision.reason;
  };
  const granted = (action: string) => ({
    [`${action}.token`]: `${action}-token`,
    [`${action}.github.repository`]: 'acme/shop',
    [`${action}.github.ref`]: 'refs/heads/main',
    [`${action}.github.on`]: 'push',
  });

  test('is who the labels of that very action name', () => {
    for (const [action, request, other] of [
      ['backup', backup, restore],
      ['restore', restore, backup],
    ] as const) {
      const target = database(granted(action));
      for (const caller of [
        tokenCaller(`${action}-token`),
        workload(shopIdentity),
        deliveryCaller(),
      ] as const) {
        assert.equal(answer(caller, request, target), 'allowed');
        assert.notEqual(answer(caller, other, target), 'allowed');
      }
      assert.equal(answer({ kind: 'schedule' }, request, target), 'allowed');
      assert.equal(answer(tokenCaller('other'), request, target), 'token_mismatch');
    }
  });

  test('and each wants its own switch', () => {
    assert.equal(answer(admin, restore, database({ 'restore.enable': 'false' })), 'action_not_enabled');
    assert.equal(answer(admin, backup, database({ 'backup.enable': 'false' })), 'action_not_enabled');
    assert.equal(answer(admin, restore, database({ 'backup.enable': 'false' })), 'allowed');
    assert.equal(answer(admin, restore, database({ 'backup.engine': 'borg' })), 'label_fault');
  });

  test('an event without a ref proves too little', () => {
    for (const event of ['package', 'registry_package'] as const) {
      const target = database({ ...granted('backup'), 'backup.github.on': event });
      assert.equal(answer(deliveryCaller({ event }), backup, target), 'event_not_allowed');
    }
  });

  test('nobody brings back a volume that the labels do not name', () => {
    for (const volume of ['other', 'dat', 'data2', 'DATA']) {
      assert.equal(answer(admin, { ...restore, volume }), 'volume_not_allowed');
      assert.equal(answer(admin, { ...restore, volume, isDrill: true }), 'volume_not_allowed');
    }
    assert.equal(answer(admin, { ...restore, volume: 'data' }), 'allowed');
  });

  test('an admin alone forces', () => {
    const target = database({ ...granted('backup'), ...granted('restore') });
    for (const [request, token] of [
      [{ ...backup, isForce: true }, 'backup-token'],
      [{ ...restore, isForce: true }, 'restore-token'],
    ] as const) {
      assert.equal(answer(admin, request, target), 'allowed');
      for (const caller of [tokenCaller(token), workload(shopIdentity), { kind: 'schedule' }] as const) {
        assert.equal(answer(caller, request, target), 'force_not_allowed');
      }
    }
  });

  test('an admin alone names the node', () => {
    const target = database(granted('restore'));
    const request = { ...restore, nodeName: 'worker-2' };
    assert.equal(answer(admin, request, target), 'allowed');
    for (const caller of [tokenCaller('restore-token'), workload(shopIdentity)] as const) {
      assert.equal(answer(caller, request, target), 'node_not_allowed');
    }
    const both = authorize(tokenCaller('restore-token'), { ...request, volume: 'other' }, target);
    assert.equal(both.allowed, false);
    assert.deepEqual(!both.allowed && both.findings.map(({ reason }) => reason), [
      'volume_not_allowed',
      'node_not_allowed',
    ]);
    assert.equal(answer(tokenCaller('x'), request, target), 'token_mismatch');
  });
});
