import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { backupIdOf } from '../../src/core/archive-name.ts';
import { tarGz, volumeEntries } from '../fixtures/tar.ts';
import type { Answer } from './api-client.ts';
import { bucket, openRestoreScene, type RestoreScene, restoreToken } from './restore-scene.ts';

const id = backupIdOf(new Date());
const volumes = ['ledger-a', 'ledger-b'] as const;

describe('a restore that goes wrong', { timeout: 480_000 }, () => {
  let scene: RestoreScene;
  before(async () => {
    scene = await openRestoreScene();
    await scene.createBackedUp('ledger', { 'ledger-a': '/a', 'ledger-b': '/b' });
  });
  after(() => scene.close());

  const key = (volume: string) => `ledger/worker-1_${volume}_${id}.tar.gz`;
  const store = (volume: string, content: Uint8Array) => scene.s3.write(bucket, key(volume), content);
  const good = (volume: string) => tarGz(volumeEntries(volume, { text: 'new', more: 'new' }));
  /** Gives both volumes their old content. */
  const reset = () =>
    scene.inTasks(
      'ledger',
      'sh',
      '-c',
      'for v in /a /b; do rm -rf $v/*; echo old >$v/text; mkdir $v/old; done',
    );
  /** What is in the volumes, with all that is hidden. */
  const contents = async () =>
    Promise.all(
      volumes.map(volume =>
        scene.inVolume(
          scene.node('worker-1'),
          volume,
          'cd /v; cat text; find . -mindepth 1 | sort | tr "\\n" " "',
        ),
      ),
    );
  const old = 'old\n./old ./text ';
  const isRunning = async () => (await scene.tasks('ledger')).length === 1;
  /** It failed, the volumes are as they were, and the service runs. */
  const assertUnharmed = async (answer: Answer, code: string, status = 424) => {
    assert.deepEqual([answer.status, answer.body.error.code], [status, code], answer.text);
    assert.deepEqual(await contents(), [old, old]);
    assert.ok(await isRunning());
    await scene.assertNothingLeft();
  };
  const stepsOf = ({ body }: Answer) =>
    body.steps.map((step: { name: string; status: string }) => `${step.name} ${step.status}`);

  test('an archive that is cut off, or leads out: the old content stays, the service runs', async () => {
    await reset();
    await store('ledger-a', good('ledger-a'));
    const whole = tarGz(volumeEntries('ledger-b', { text: randomBytes(300_000).toString('hex') }));
    await store('ledger-b', whole.subarray(0, whole.length / 2));
    const cut = await scene.restore('ledger');
    await assertUnharmed(cut, 'restore_failed');
    assert.deepEqual(stepsOf(cut), [
      'find succeeded',
      'stop succeeded',
      'fetch failed',
      'swap succeeded',
      'start succeeded',
    ]);
    assert.match(cut.body.error.message, /^worker-1_ledger-b_.* could not be unpacked on worker-1\./);
    await store(
      'ledger-b',
      tarGz([...volumeEntries('ledger-b', {}), { name: '../../../text', content: 'evil' }]),
    );
    await assertUnharmed(await scene.restore('ledger'), 'restore_failed');
  });

  test('an S3 that is gone, or does not know the key: nothing is stopped', async () => {
    const [task] = await scene.tasks('ledger');
    await scene.s3.stop();
    try {
      await assertUnharmed(await scene.restore('ledger'), 'store_unavailable');
    } finally {
      await scene.s3.start();
    }
    await scene.label('ledger', 'swarm-utils.backup.volume-list-upload.s3.secret-key', 'a-wrong-secret-key');
    const wrong = await scene.restore('ledger');
    await assertUnharmed(wrong, 'store_unavailable');
    assert.doesNotMatch(wrong.text, /a-wrong-secret-key/);
    await scene.label('ledger', 'swarm-utils.backup.volume-list-upload.s3.secret-key');
    assert.deepEqual(await scene.tasks('ledger'), [task]);
  });

  test('a disk that is full: what was unpacked is removed', async () => {
    const worker = scene.node('worker-1');
    await worker.createSmallVolume('small-data', 2_000_000);
    await scene.createBackedUp('small', { 'small-data': '/data' });
    await scene.inTasks('small', 'sh', '-c', 'head -c 1000000 /dev/zero >/data/text');
    const big = tarGz(volumeEntries('small-data', { text: randomBytes(1_500_000).toString('latin1') }));
    await scene.s3.write(bucket, `small/worker-1_small-data_${id}.tar.gz`, big);
    const answer = await scene.restore('small');
    assert.deepEqual([answer.status, answer.body.error.code], [424, 'restore_failed'], answer.text);
    assert.match(answer.body.error.message, /No space left/i);
    const listed = await scene.inTasks('small', 'sh', '-c', 'ls -A /data; stat -c %s /data/text');
    assert.deepEqual(listed, ['text\n1000000\n']);
    await scene.assertNothingLeft();
    await scene.services.remove('small');
  });

  /** Begins a restore, and stops the server's answers once it has told what it has. */
  const beginHanging = async () => {
    const { body } = await scene.restore('ledger', { waitRes: false });
    await untilSteps(body.id, names => names.includes('stop'));
    await scene.s3.pause();
    return body.id as string;
  };
  const untilSteps = (id: string, isReached: (names: readonly string[]) => boolean) =>
    scene.until(
      'the step has begun',
      async () => {
        const { adminToken } = scene.deployment.secrets;
        const { body } = await scene.deployment.api.get(`/api/operations/${id}`, adminToken);
        return isReached(body.steps.map(({ name }: { name: string }) => name));
      },
      60_000,
    );

  test('a server that hangs: in its time the restore ends, and what was unpacked is removed', async () => {
    await store('ledger-b', good('ledger-b'));
    await scene.label('ledger', 'swarm-utils.restore.timeout', '6000');
    const id = await beginHanging();
    const verdict = await scene.verdict(id).finally(() => scene.s3.resume());
    assert.deepEqual(
      [verdict.status, verdict.error.code],
      ['timed_out', 'timed_out'],
      JSON.stringify(verdict),
    );
    assert.deepEqual(await contents(), [old, old]);
    assert.ok(await isRunning());
    await scene.assertNothingLeft();
    await scene.label('ledger', 'swarm-utils.restore.timeout');
  });

  for (const [moment, isReached] of [
    ['while it unpacks', () => true],
    ['once it swaps', (names: readonly string[]) => names.includes('swap')],
    ['once it starts the service', (names: readonly string[]) => names.includes('start')],
  ] as const) {
    test(`kill -9 ${moment}: all is old or all is new, and the service runs`, async () => {
      await reset();
      if (moment === 'while it unpacks') {
        await beginHanging();
        await scene.until('it unpacks', async () => {
          const found = await scene.inVolume(scene.node('worker-1'), 'ledger-a', 'ls -A /v');
          return found.includes('.swarm-utils-restore');
        });
      } else {
        const { body } = await scene.restore('ledger', { waitRes: false });
        await untilSteps(body.id, isReached);
      }
      const container = await scene.deployment.containerId();
      assert.equal((await scene.lab.manager.docker(['kill', '--signal', 'KILL', container])).exitCode, 0);
      await scene.s3.resume();
      await scene.until(
        'swarm-utils is back',
        async () =>
          (await scene.deployment.containerId().catch(() => container)) !== container &&
          (await scene.deployment.api.get('/readyz').catch(() => undefined))?.status === 200,
        60_000,
      );
      await scene.until('the service runs', isRunning, 30_000);
      await scene.assertNothingLeft();
      const fresh = 'new./more ./text ';
      const found = await contents();
      const expected = moment === 'while it unpacks' ? [old] : [old, fresh];
      assert.ok(
        expected.some(content => found.every(each => each === content)),
        JSON.stringify(found),
      );
      if (moment === 'once it starts the service') {
        assert.deepEqual(found, [fresh, fresh]);
      }
      const next = await scene.restore('ledger', {}, restoreToken);
      assert.equal(next.status, 200, next.text);
      assert.deepEqual(await contents(), [fresh, fresh]);
    });
  }
});
