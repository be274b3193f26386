import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type CrashScene,
  database,
  openCrashScene,
  rowCount,
  type SeenEvent,
  volumes,
} from './crash-scene.ts';

const uploads = ({ type, data }: SeenEvent) =>
  type === 'progress' && data.message === `Uploading ${volumes[0]} from worker-1.`;
const isFinished = ({ type }: SeenEvent) => type === 'finished';

// biome-ignore lint/suspicious/noExplicitAny: an operation
const stepOf = (operation: any, name: string) =>
  operation.steps.find((step: { name: string }) => step.name === name);

describe('a backup, and what goes wrong meanwhile', { timeout: 600_000 }, () => {
  let scene: CrashScene;
  before(async () => {
    scene = await openCrashScene(
      { SWARM_UTILS_BACKUP_SERVICE_START_TIMEOUT: '5000' },
      // Longer than anything here takes: what hangs must not end by itself.
      { 'swarm-utils.backup.volume-list-upload.timeout': '120000' },
    );
  });
  after(() => scene?.close());

  const untilUploading = async () => {
    const id = await scene.beginBackup();
    await scene.untilEvent(id, uploads);
    return id;
  };
  const verdict = async (id: string) => (await scene.untilEvent(id, isFinished)).data;
  const helperRuns = () =>
    scene.until('a helper is at work', async () => {
      const [helper] = await scene.helpers();
      return helper !== undefined && (await scene.tasks(helper)).length === 1;
    });
  const assertWorks = async (hasCrashed = false) => {
    const { status, steps } = await scene.backUp();
    assert.equal(status, 'succeeded', JSON.stringify(steps));
    assert.equal(await scene.rows(), rowCount);
    await scene.untilMended({ hasCrashed });
  };

  test('S3 that goes away in the midst of an upload: it says so, and the service runs again', async () => {
    await scene.s3.pause();
    const id = await untilUploading();
    await helperRuns();
    await scene.s3.stop();
    const operation = await verdict(id);
    assert.deepEqual([operation.status, operation.error.code], ['failed', 'upload_failed']);
    assert.equal(stepOf(operation, 'start').status, 'succeeded', JSON.stringify(operation.steps));
    await scene.untilMended();
    await scene.s3.start();
    await assertWorks();
  });

  test('somebody scales the service: that stays, and the backup is not called good', async () => {
    const id = await untilUploading();
    await scene.docker('service', 'scale', '--detach', `${database}=1`);
    const operation = await verdict(id);
    assert.deepEqual([operation.status, operation.error.code], ['failed', 'written_meanwhile']);
    assert.equal(stepOf(operation, 'verify').status, 'skipped');
    await scene.untilMended();
    await assertWorks();
  });

  test('somebody writes the service in another way: it is started, and the backup is not called good', async () => {
    const id = await untilUploading();
    await scene.label(database, 'note', 'written-meanwhile');
    const operation = await verdict(id);
    assert.deepEqual([operation.status, operation.error.code], ['failed', 'written_meanwhile']);
    await scene.untilMended();
  });

  test('another swarm-utils is deployed: the old one finishes, and nothing is left to mend', async () => {
    const id = await untilUploading();
    const restarted = scene.deployment.restart();
    const operation = await verdict(id);
    assert.equal(operation.status, 'succeeded', JSON.stringify(operation.steps));
    await restarted;
    await scene.untilMended();
  });

  test('and one that does not finish in its grace period is killed, and mended', async () => {
    await scene.s3.pause();
    const id = await untilUploading();
    await scene.deployment.restart();
    await scene.s3.resume();
    await scene.untilMended();
    assert.equal((await scene.verdict(id)).status, 'interrupted');
    assert.match(await scene.deployment.logs(), /"event":"leftover.mended","kind":"service","name":"shop"/);
  });

  test('the daemon of its node dies: a clear verdict at once, and all is well when it is back', async () => {
    await scene.s3.pause();
    const id = await untilUploading();
    await helperRuns();
    await scene.worker.kill();
    await scene.s3.resume();
    const operation = await verdict(id);
    assert.deepEqual([operation.status, operation.error.code], ['failed', 'node_unavailable']);
    assert.match(operation.error.message, /node worker-1 is down/);
    const start = stepOf(operation, 'start');
    // There is no other node that it may run on.
    assert.notEqual(start.status, 'succeeded');
    assert.match(start.message, /only 0 of 1 replica running/);
    // But the note that the service is to be settled once there is a node for it.
    const left = await scene.leftovers();
    assert.deepEqual(
      left.filter(name => !/^config swarm-utils-stopped-/.test(name)),
      [],
    );
    await scene.worker.start();
    await scene.untilMended({ timeoutMs: 60_000, hasCrashed: true });
    await assertWorks(true);
  });

  test('a node is down where a task is to end: nothing is read, and nothing started beside it', async () => {
    // It takes its time to end.
    await scene.create('stubborn', {
      labels: {
        'swarm-utils.backup.enable': 'true',
        'swarm-utils.backup.stop': 'true',
        'swarm-utils.backup.volume-list-upload': 'stubborn-data',
      },
      args: [
        ...['--entrypoint', 'sh -c "trap : TERM; while :; do sleep 1; done"', '--stop-grace-period', '2m'],
        ...['--mount', 'type=volume,source=stubborn-data,target=/data'],
        ...['--constraint', `node.hostname==${scene.worker.name}`],
      ],
    });
    const { api, secrets } = scene.deployment;
    const fields = { serviceName: 'stubborn', waitRes: false };
    const { body: begun } = await api.post('/api/backup/service', fields, secrets.adminToken);
    await scene.untilEvent(
      begun.id,
      ({ type, data }) => type === 'progress' && /still to end/.test(data.message),
    );
    await scene.worker.pauseDaemon();
    const operation = await verdict(begun.id);
    await scene.worker.resumeDaemon();
    assert.deepEqual([operation.status, operation.error.code], ['failed', 'not_stopped']);
    assert.match(
      operation.error.message,
      /1 task of the service may still run: \S+ on worker-1 \(node down\)/,
    );
    assert.equal(stepOf(operation, 'upload').status, 'skipped');
    const format = '{{.Spec.Mode.Replicated.Replicas}}';
    assert.equal((await scene.docker('service', 'inspect', '--format', format, 'stubborn')).trim(), '0');
    await scene.services.remove('stubborn');
    await scene.untilMended({ timeoutMs: 60_000, hasCrashed: true });
  });

  test('the manager itself crashes: its swarm-utils mends what it was at when it is back', async () => {
    await scene.s3.pause();
    await untilUploading();
    await helperRuns();
    await scene.lab.manager.kill();
    await scene.s3.resume();
    await scene.lab.manager.start();
    await scene.untilMended({ timeoutMs: 90_000, hasCrashed: true });
    await assertWorks(true);
  });
});
