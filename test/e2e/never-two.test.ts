import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Answer } from './api-client.ts';
import { openRestoreScene, type RestoreScene } from './restore-scene.ts';

/** Says who it is ten times a second, and does not end before it is killed. */
const writer = 'trap : TERM; while :; do echo "$HOSTNAME" >>/log/who; sleep 0.1; done';

describe('never two tasks of a service on its volumes', { timeout: 600_000 }, () => {
  let scene: RestoreScene;
  before(async () => {
    scene = await openRestoreScene();
    for (const name of ['worker-1', 'worker-2']) {
      const { exitCode } = await scene.node(name).docker(['pull', '--quiet', scene.lab.images.runner]);
      assert.equal(exitCode, 0);
    }
  });
  after(() => scene?.close());

  const createWriter = (
    name: string,
    graceSeconds: number,
    { labels = {}, args }: { labels?: Readonly<Record<string, string>>; args?: readonly string[] } = {},
  ) =>
    scene.create(name, {
      image: scene.lab.images.runner,
      args: [
        ...(args ?? ['--constraint', 'node.hostname==worker-1']),
        ...['--hostname', '{{.Task.ID}}', '--stop-grace-period', `${graceSeconds}s`],
        ...['--mount', `type=volume,source=${name}-data,target=/data`],
        // Not restored, so that it tells of the whole time.
        ...['--mount', `type=volume,source=${name}-log,target=/log`],
        ...['--entrypoint', `sh -c '${writer}'`],
      ],
      labels: {
        'swarm-utils.backup.enable': 'true',
        'swarm-utils.backup.stop': 'true',
        'swarm-utils.backup.stop.timeout': '1000',
        'swarm-utils.backup.volume-list-upload': `${name}-data`,
        'swarm-utils.restore.enable': 'true',
        ...labels,
      },
    });

  /** Who wrote, in their order: one who comes back after another was there at the same time. */
  const writersOf = async (name: string) => {
    const log = await scene.inVolume(scene.node('worker-1'), `${name}-log`, 'uniq /v/who');
    return log.trim().split('\n');
  };
  const assertNeverTwo = async (name: string, count: number) => {
    const writers = await writersOf(name);
    assert.deepEqual(writers, [...new Set(writers)], 'two wrote at the same time');
    assert.equal(writers.length, count);
  };
  const replicas = async (name: string) =>
    (await scene.docker('service', 'inspect', '--format', '{{.Spec.Mode.Replicated.Replicas}}', name)).trim();
  const post = (path: string, body: object): Promise<Answer> =>
    scene.deployment.api.post(path, body, scene.deployment.secrets.adminToken);
  const untilStop = (id: string) =>
    scene.until('it is being stopped', async () => {
      const { body } = await scene.deployment.api.get(
        `/api/operations/${id}`,
        scene.deployment.secrets.adminToken,
      );
      return body.steps.some((step: { name: string }) => step.name === 'stop');
    });
  const untilWriter = (name: string, count: number, timeoutMs: number) =>
    scene.until(
      `writer ${count} of ${name}`,
      async () => (await writersOf(name)).length === count,
      timeoutMs,
    );

  test('a stop whose time-out is shorter than the grace period waits for its end', async () => {
    await createWriter('graced', 4);
    const backup = await post('/api/backup/service', { serviceName: 'graced' });
    assert.equal(backup.status, 200, backup.text);
    await untilWriter('graced', 2, 10_000);
    const restore = await post('/api/restore/service', { serviceName: 'graced' });
    assert.equal(restore.status, 200, restore.text);
    await untilWriter('graced', 3, 10_000);
    await assertNeverTwo('graced', 3);
    await scene.services.remove('graced');
  });

  test('swarm-utils that is killed during the stop starts nothing before its end', async () => {
    await createWriter('killed', 12);
    const { body } = await post('/api/backup/service', { serviceName: 'killed', waitRes: false });
    await untilStop(body.id);
    const container = scene.lab.manager.engine().getContainer(await scene.deployment.containerId());
    await container.kill({ signal: 'SIGKILL' });
    await untilWriter('killed', 2, 60_000);
    await assertNeverTwo('killed', 2);
    assert.equal(await replicas('killed'), '1');
    await scene.until('the note is gone', async () => {
      const filter = ['--filter', 'label=swarm-utils.journal', '--quiet'];
      return (await scene.docker('config', 'ls', ...filter)).trim() === '';
    });
    await scene.services.remove('killed');
  });

  test('a node that goes down meanwhile is waited for, or confirmed to be dead by an admin', async () => {
    const worker = scene.node('worker-1');
    await createWriter('pinned', 40);
    await scene.node('worker-2').setAvailability('pause');
    await createWriter('shared', 40, {
      labels: { 'swarm-utils.backup.volumes.shared': 'true' },
      args: ['--constraint', 'node.role==worker'],
    });
    await scene.node('worker-2').setAvailability('active');
    const begin = async (serviceName: string) => {
      const { body } = await post('/api/backup/service', { serviceName, waitRes: false });
      await untilStop(body.id);
      return body.id as string;
    };
    const ids = [await begin('pinned'), await begin('shared')];
    await scene.until('both are told to end', async () => {
      const states = await scene.docker(
        ...['service', 'ps', '--format', '{{.DesiredState}}', 'pinned', 'shared'],
      );
      return !states.includes('Running');
    });
    await worker.pauseDaemon();
    try {
      for (const id of ids) {
        const { status, error, steps } = await scene.verdict(id);
        assert.deepEqual([status, error.code], ['failed', 'not_stopped'], JSON.stringify(steps));
        assert.match(error.message, /1 task of the service may still run: \S+ on worker-1 \(node down\)/);
        assert.match(error.message, /stays stopped until nothing of it runs any more/);
      }
      assert.deepEqual([await replicas('pinned'), await replicas('shared')], ['0', '0']);
      const refused = await post('/api/backup/service', { serviceName: 'shared' });
      assert.deepEqual([refused.status, refused.body.error.code], [424, 'not_stopped'], refused.text);

      // Another node has a volume of its own, which tells of nothing: what counts is that it is started.
      const forced = await post('/api/backup/service', { serviceName: 'shared', force: true });
      assert.match(forced.body.steps[0].message, /started again, 1 replica/, forced.text);
      assert.equal(await replicas('shared'), '1');
      assert.equal(await replicas('pinned'), '0');
    } finally {
      await worker.resumeDaemon();
    }
    await untilWriter('pinned', 2, 90_000);
    await assertNeverTwo('pinned', 2);
    assert.equal(await replicas('pinned'), '1');
    await scene.services.remove('pinned', 'shared');
  });
});
