import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type Docker from 'dockerode';
import { openSession, type Session, serviceToken } from './session.ts';

/** Volumes as managers know them: those of other nodes, and those of the swarm. */
describe('volumes that a manager is asked for', { timeout: 200_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession();
  });
  after(() => session.close());

  const labelsFor = (volume: string) => ({
    'swarm-utils.backup.enable': 'true',
    'swarm-utils.backup.token': serviceToken,
    'swarm-utils.backup.target': 'local',
    'swarm-utils.backup.volume-list-upload': volume,
    'swarm-utils.restore.enable': 'true',
    'swarm-utils.restore.token': serviceToken,
  });
  const ask = (action: 'backup' | 'restore', serviceName: string) =>
    session.deployment.api.post(`/api/${action}/service`, { serviceName }, serviceToken);
  const localVolumes = async (engine: Docker) =>
    ((await engine.listVolumes()).Volumes ?? []).filter(({ Driver }) => Driver === 'local');

  test('a volume that only a worker has is backed up where no task of its service runs', async () => {
    const worker = session.lab.nodes.find(({ role }) => role === 'worker') ?? assert.fail();
    await worker.engine().createVolume({ Name: 'of-a-worker' });
    await session.create('asleep', { replicas: 0, labels: labelsFor('of-a-worker') });
    const answer = await ask('backup', 'asleep');
    assert.equal(answer.status, 200, answer.text);
    const { volumes } = answer.body.steps.find(({ name }: { name: string }) => name === 'locate');
    assert.deepEqual(volumes, [{ node: worker.name, volume: 'of-a-worker' }]);
    const nowhere = await worker
      .engine()
      .getVolume('of-a-worker')
      .remove()
      .then(() => ask('backup', 'asleep'));
    assert.deepEqual([nowhere.status, nowhere.body.error.code], [424, 'volume_not_found'], nowhere.text);
    await session.services.remove('asleep');
  });

  test('a cluster volume is refused, and no volume of the node is made in its place', async () => {
    const { lab } = session;
    const engine = lab.manager.engine();
    const spec = { AccessMode: { Scope: 'single', Sharing: 'none', MountVolume: {} } };
    const create = () =>
      engine.createVolume({
        Name: 'of-the-swarm',
        Driver: 'nosuchcsi',
        ClusterVolumeSpec: spec,
      } as Docker.VolumeCreateOptions);
    if (lab.engine.engine === '20') {
      // It does not know what that is.
      await assert.rejects(create(), { statusCode: 404 });
      return;
    }
    await create();
    const before = (await localVolumes(engine)).map(({ Name }) => Name);
    await session.create('clustered', { replicas: 0, labels: labelsFor('of-the-swarm') });
    for (const action of ['backup', 'restore'] as const) {
      const answer = await ask(action, 'clustered');
      assert.deepEqual([answer.status, answer.body.error.code], [424, 'unsupported_volume'], answer.text);
      assert.match(answer.body.error.message, /of-the-swarm is a cluster volume .*Nothing was touched\./);
      assert.ok(
        !answer.body.steps.some(({ name, status }: StepSight) => name === 'upload' && status !== 'skipped'),
      );
    }
    assert.deepEqual(
      (await localVolumes(engine)).map(({ Name }) => Name),
      before,
    );
    await session.services.remove('clustered');
    await session.docker('volume', 'rm', '--force', 'of-the-swarm');
  });
});

interface StepSight {
  readonly name: string;
  readonly status: string;
}
