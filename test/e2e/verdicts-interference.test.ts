import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { holdingHook, openSession, type Session } from './session.ts';

describe('an update of a service that somebody else', { concurrency: 3, timeout: 120_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession({ SWARM_UTILS_LOCK_TIMEOUT: '30000' });
  });
  after(() => session.close());

  /** Waits until the swarm is at work on an image, which the slow one takes seconds to come up with. */
  const untilUpdating = async (service: string) => {
    const slow = await session.pinned(session.lab.images.app.slow);
    await session.until(`${service} is being updated`, async () => {
      const { Spec, UpdateStatus } = await session.lab.manager.engine().getService(service).inspect();
      return UpdateStatus?.State === 'updating' && Spec.TaskTemplate.ContainerSpec.Image === slow;
    });
  };

  test('writes all the time succeeds, and nobody loses a write', async () => {
    const { images, manager } = session.lab;
    await session.create('busy', { replicas: 2 });
    const service = manager.engine().getService('busy');
    let isOver = false;
    const writeAllTheTime = async () => {
      let writes = 0;
      while (!isOver) {
        const { Spec: spec, Version: version } = await service.inspect();
        const changed = { ...spec, Labels: { ...spec.Labels, writes: String(writes + 1) } };
        // Somebody else, too, may find the service written in between.
        const isWritten = await service.update({ version: version.Index, ...changed }).then(
          () => true,
          () => false,
        );
        writes += isWritten ? 1 : 0;
        await sleep(15);
      }
      return writes;
    };
    const writing = writeAllTheTime();
    const { status, text } = await session.update('busy', { image: images.app['2'] });
    isOver = true;
    const writes = await writing;
    assert.equal(status, 200, text);
    await session.waitForImages('busy', images.app['2'], images.app['2']);
    const { Spec } = await service.inspect();
    assert.equal(Spec.Labels.writes, String(writes));
    assert.ok(writes > 10, `only ${writes} writes`);
  });

  test('gives another image says that it was replaced, and leaves that image alone', async () => {
    const { app } = session.lab.images;
    await session.create('taken-over');
    const updating = session.update('taken-over', { image: app.slow });
    await untilUpdating('taken-over');
    await session.docker('service', 'update', '--quiet', '--detach', '--image', app['3'], 'taken-over');
    const { status, body } = await updating;
    assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'replaced']);
    assert.match(
      body.error.message,
      /Somebody else gave the service another image meanwhile: .*app:3@sha256/,
    );
    await session.waitForImages('taken-over', app['3']);
  });

  test('rolls back says so', async () => {
    const { app } = session.lab.images;
    await session.create('taken-back');
    const updating = session.update('taken-back', { image: app.slow });
    await untilUpdating('taken-back');
    await session.docker('service', 'rollback', '--quiet', '--detach', 'taken-back');
    const { status, body } = await updating;
    assert.deepEqual([status, body.status], [424, 'rolled_back']);
    await session.waitForImages('taken-back', app['1']);
  });

  test('is rolling back to the very image that is asked for watches the rollback, which stays one', async () => {
    const { images, manager } = session.lab;
    const { app } = images;
    await session.create('coming-back');
    assert.equal((await session.update('coming-back', { image: app.slow })).status, 200);
    await session.docker(
      'service',
      'update',
      '--quiet',
      '--detach=false',
      '--image',
      app['2'],
      'coming-back',
    );
    await session.docker('service', 'rollback', '--quiet', '--detach', 'coming-back');
    const stateOf = async () =>
      (await manager.engine().getService('coming-back').inspect()).UpdateStatus?.State;
    await session.until('the rollback begins', async () => (await stateOf()) === 'rollback_started');
    const { status, body, text } = await session.update('coming-back', { image: app.slow });
    assert.deepEqual([status, body.status], [200, 'succeeded'], text);
    assert.equal(await stateOf(), 'rollback_completed');
    await session.waitForImages('coming-back', app.slow);
  });

  test('removes during the rollout ends with what happened', async () => {
    await session.create('removed');
    const updating = session.update('removed', { image: session.lab.images.app.slow });
    await untilUpdating('removed');
    await session.services.remove('removed');
    const { status, body } = await updating;
    assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'target_gone']);
    assert.match(body.error.message, /Somebody removed the service during the update/);
  });

  test('forbids while exec-pre runs, or while it waits for its turn, is not done', async () => {
    const { app } = session.lab.images;
    await session.create('forbidden', { labels: holdingHook });
    const first = session.update('forbidden', { image: app['2'] });
    await session.untilHeld('forbidden');
    const second = await session.update('forbidden', { image: app['3'], waitRes: false });
    assert.deepEqual([second.status, second.body.status], [202, 'queued']);
    await session.label('forbidden', 'swarm-utils.update.enable', 'false');
    await session.release('forbidden');
    const { status: firstStatus, body } = await first;
    assert.deepEqual([firstStatus, body.error.code], [424, 'not_authorized_any_more']);
    const { status, error } = await session.verdict(second.body.id);
    assert.deepEqual([status, error.code], ['failed', 'not_authorized_any_more']);
    await session.waitForImages('forbidden', app['1']);
  });

  test('removes while another one waits for its turn ends both', async () => {
    const { app } = session.lab.images;
    await session.create('gone', { labels: holdingHook });
    const first = session.update('gone', { image: app['2'] });
    await session.untilHeld('gone');
    const second = await session.update('gone', { image: app['3'], waitRes: false });
    await session.services.remove('gone');
    const { status, body } = await first;
    assert.deepEqual([status, body.status], [424, 'failed']);
    const ended = await session.verdict(second.body.id);
    assert.deepEqual([ended.status, ended.error.code], ['failed', 'target_gone']);
    assert.deepEqual(await session.helpers(), []);
  });
});
