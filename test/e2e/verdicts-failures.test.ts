import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pushBuildCache } from './platform-images.ts';
import { openSession, type Session } from './session.ts';

// A container that ends at once is seen to half a second later, and more on a busy machine.
const watched = ['--update-monitor', '5s'];
const rollback = ['--update-failure-action', 'rollback', ...watched];
const proceed = ['--update-failure-action', 'continue'];

describe('an update that fails', { concurrency: 4, timeout: 180_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession({
      SWARM_UTILS_UPDATE_SERVICE_TIMEOUT: '6000',
      SWARM_UTILS_PENDING_SERVICE_TIMEOUT: '3000',
    });
  });
  after(() => session.close());

  /** The report of the step that rolled out. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer of the API
  const rolloutOf = (body: any) => body.steps.find(({ name }: { name: string }) => name === 'rollout');

  test('and is rolled back is no success: 424, the old digest runs, and the task says why', async () => {
    const { images } = session.lab;
    await session.create('rolled-back', { replicas: 2, args: rollback });
    const old = await session.pinned(images.app['1']);
    const { status, body } = await session.update('rolled-back', { image: images.app.crash });
    assert.equal(status, 424);
    assert.equal(body.status, 'rolled_back');
    assert.equal(body.error.code, 'rolled_back');
    assert.deepEqual([body.image.from, body.image.to], [old, await session.pinned(images.app.crash)]);
    assert.equal(await session.services.image('rolled-back'), old);
    await session.waitForImages('rolled-back', images.app['1'], images.app['1']);
    const [task] = rolloutOf(body).tasks;
    assert.equal(task.exitCode, 1);
    assert.match(task.error, /non-zero exit \(1\)/);
    assert.ok(
      session.lab.nodes.some(({ name }) => name === task.node),
      task.node,
    );
    assert.ok(
      task.logs.includes('app crash: FATAL cannot reach the database at db.internal:5432'),
      task.logs,
    );
  });

  test('and is paused says what to do, is not "unchanged" when asked for again, and the next good one succeeds', async () => {
    const { app } = session.lab.images;
    await session.create('paused', { replicas: 2, args: watched });
    for (const attempt of [1, 2]) {
      const { status, body, text } = await session.update('paused', { image: app.crash });
      assert.deepEqual(
        [status, body.status, body.error.code],
        [424, 'failed', 'update_paused'],
        `attempt ${attempt}`,
      );
      assert.match(body.error.message, /Update again with an image that starts/);
      assert.match(body.error.message, /docker service rollback paused/);
      assert.match(rolloutOf(body).tasks[0].logs.join('\n'), /FATAL cannot reach the database/, text);
    }
    const { status, body } = await session.update('paused', { image: app['2'] });
    assert.deepEqual([status, body.status], [200, 'succeeded']);
    await session.waitForImages('paused', app['2'], app['2']);
  });

  test('and that the swarm is told to continue after is no success either, though the swarm calls it completed', async () => {
    const { app } = session.lab.images;
    // Again and again a task runs for a moment.
    await session.create('continued', { args: [...proceed, '--restart-delay', '300ms'] });
    const { status, body } = await session.update('continued', { image: app.crash });
    assert.deepEqual([status, body.error.code], [424, 'tasks_failed']);
    assert.match(
      body.error.message,
      /The swarm calls the update completed, but its tasks did not keep running/,
    );
    const { UpdateStatus } = await session.lab.manager.engine().getService('continued').inspect();
    assert.equal(UpdateStatus.State, 'completed');
    assert.match(rolloutOf(body).tasks[0].error, /non-zero exit \(1\)/);
  });

  test('for the health of the new image says so', async () => {
    const { app } = session.lab.images;
    await session.create('unhealthy', { args: rollback });
    const { status, body } = await session.update('unhealthy', { image: app.unhealthy });
    assert.deepEqual([status, body.status], [424, 'rolled_back']);
    assert.match(rolloutOf(body).tasks[0].error, /unhealthy container/);
    await session.waitForImages('unhealthy', app['1']);
  });

  test('with logs that can not be read has its verdict all the same, and says that they can not', async () => {
    const { app } = session.lab.images;
    await session.create('silent', { args: [...rollback, '--log-driver', 'none'] });
    const { status, body } = await session.update('silent', { image: app.crash });
    assert.deepEqual([status, body.status], [424, 'rolled_back']);
    const [task] = rolloutOf(body).tasks;
    assert.match(task.error, /non-zero exit \(1\)/);
    assert.match(task.logs.join('\n'), /can't be read: the service's log driver is none/);
  });

  test('with logs that its driver takes away says that they can not be read', async () => {
    const { app } = session.lab.images;
    const away = ['--log-driver', 'syslog', '--log-opt', 'syslog-address=udp://127.0.0.1:1514'];
    for (const [name, options, logs] of [
      ['copied', [], ['app crash: reading the configuration']],
      [
        'taken-away',
        ['--log-opt', 'cache-disabled=true'],
        ["(the logs can't be read: the service's log driver is syslog, with cache-disabled)"],
      ],
    ] as const) {
      await session.create(name, { args: [...rollback, ...away, ...options] });
      const { status, body } = await session.update(name, { image: app.crash });
      assert.deepEqual([status, body.status], [424, 'rolled_back']);
      // Of standard output and standard error the copy is not in the order they were printed in.
      assert.deepEqual(rolloutOf(body).tasks[0].logs.toSorted().slice(-logs.length), logs);
    }
  });

  test('and printed nothing is told from one whose logs can not be read', async () => {
    const { app, runner } = session.lab.images;
    await session.create('silent-crash', {
      image: runner,
      labels: { 'swarm-utils.update.image-allow': '*' },
      args: [
        ...rollback,
        '--stop-signal',
        'KILL',
        '--log-driver',
        'json-file',
        '--entrypoint',
        'sh -c "test -e /bin/app || sleep 1000; exit 5"',
      ],
    });
    const { body, text } = await session.update('silent-crash', { image: app['2'] });
    assert.equal(body.status, 'rolled_back', text);
    const [task] = rolloutOf(body).tasks;
    assert.deepEqual([task.exitCode, task.logs], [5, ['(it printed nothing)']]);
  });

  test('because the registry lacks the image changes nothing', async () => {
    await session.create('absent');
    const version = await session.services.version('absent');
    const image = session.lab.registry.reference('app:no-such-tag');
    const { status, body } = await session.update('absent', { image });
    assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'image_not_found']);
    assert.match(body.error.message, /The registry does not have this image.*app:no-such-tag/);
    assert.equal(await session.services.version('absent'), version);
  });

  test('because what the digest names is no image that a node can run names the error of the node', async () => {
    const { registry, images, engine } = session.lab;
    // A digest that every registry answers, of what is no image.
    const image = await pushBuildCache(registry, 'buildcache');
    await session.create('unpullable', { args: rollback });
    const { status, body } = await session.update('unpullable', { image });
    assert.deepEqual([status, body.status], [424, 'rolled_back']);
    const [task] = rolloutOf(body).tasks;
    assert.equal(task.state, 'rejected');
    // The graph driver does not pull it; containerd does, and finds nothing to run in it.
    assert.match(task.error, engine.store === 'graph' ? /No such image/ : /no command specified/);
    await session.waitForImages('unpullable', images.app['1']);
  });

  test('because a mount is rejected is no success', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'swarm-utils-mount-'));
    await session.create('mounted', { args: ['--mount', `type=bind,source=${folder},target=/data`] });
    await rm(folder, { recursive: true });
    const { status, body } = await session.update('mounted', { image: session.lab.images.app['2'] });
    assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'update_paused']);
    const [task] = rolloutOf(body).tasks;
    assert.equal(task.state, 'rejected');
    assert.match(task.error, /bind source path does not exist/);
  });

  test('because the swarm finds no node says which conditions there were, and the old task still runs', async () => {
    const { app } = session.lab.images;
    // The new task is to start before the old one stops, where the port is taken.
    await session.create('homeless', {
      args: [
        ...['--publish', 'mode=host,published=18080,target=8080', '--update-order', 'start-first'],
        ...['--constraint', 'node.hostname==worker-1'],
      ],
    });
    const { status, body } = await session.update('homeless', { image: app['2'] });
    assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'not_scheduled']);
    assert.match(body.error.message, /no suitable node.*host-mode port already in use on 1 node/);
    assert.match(body.error.message, /docker service rollback homeless/);
    assert.deepEqual(await session.services.runningImages('homeless'), [await session.pinned(app['1'])]);
  });
});
