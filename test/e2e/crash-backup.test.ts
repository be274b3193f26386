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

type Moment = (event: SeenEvent) => boolean;

const stepIs =
  (name: string, status: string): Moment =>
  ({ type, data }) =>
    type === 'step' && data.name === name && data.status === status;
const says =
  (text: string): Moment =>
  ({ type, data }) =>
    type === 'progress' && data.message === text;

const uploads: readonly (readonly [string, Moment])[] = volumes.flatMap(volume => [
  [`before the upload of ${volume}`, says(`Uploading ${volume} from worker-1.`)],
  [`after the upload of ${volume}`, says(`Uploaded ${volume} from worker-1.`)],
]);
const moments: readonly (readonly [string, Moment])[] = [
  ['before exec', stepIs('exec', 'running')],
  ['after exec', stepIs('exec', 'succeeded')],
  ['before stop', stepIs('stop', 'running')],
  ['after stop', stepIs('stop', 'succeeded')],
  ...uploads,
  ['before start', stepIs('start', 'running')],
  ['after start', stepIs('start', 'succeeded')],
];

describe('kill -9 of swarm-utils during a backup', { timeout: 600_000 }, () => {
  let scene: CrashScene;
  before(async () => {
    scene = await openCrashScene();
    if (scene.lab.images.isOffenDouble) {
      console.log(
        'NOT the real offen/docker-volume-backup, which can not be pulled here: its contract double ran.',
      );
    }
  });
  after(() => scene?.close());

  /** The database runs again and nothing is left, whenever it is killed; what comes next is the next backup. */
  const crash = async (moment: Moment) => {
    const id = await scene.beginBackup();
    await scene.untilEvent(id, moment);
    await scene.killSwarmUtils();
    await scene.untilMended();
    const { status, error } = await scene.verdict(id);
    assert.deepEqual([status, error.code], ['interrupted', 'interrupted']);
  };
  const nextBackupWorks = async () => {
    const { status, steps } = await scene.backUp();
    assert.equal(status, 'succeeded', JSON.stringify(steps));
    assert.equal(await scene.rows(), rowCount);
    await scene.untilMended();
  };

  for (const [when, moment] of moments) {
    test(`${when} (offen): it runs again and nothing is left`, () => crash(moment));
  }
  test('after all that (offen) the next backup works', nextBackupWorks);

  for (const [when, moment] of uploads) {
    test(`${when} (restic): it runs again and nothing is left`, async () => {
      await scene.label(database, 'swarm-utils.backup.engine', 'restic');
      await crash(moment);
    });
  }
  test('after all that (restic) the next backup works', nextBackupWorks);

  test('a rollback afterwards keeps the replicas', async () => {
    await scene.docker('service', 'rollback', '--detach', '--quiet', database);
    await scene.untilMended();
  });
});
