import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { LabNode } from '../lab/lab-node.ts';
import { openSession, type Session } from './session.ts';

// biome-ignore lint/suspicious/noExplicitAny: an answer of the API
const rolloutOf = (body: any) => body.steps.find(({ name }: { name: string }) => name === 'rollout');

describe('an update of a global service', { timeout: 240_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession();
  });
  after(() => session.close());
  const worker = (): LabNode => session.lab.nodes[2] ?? assert.fail();

  test('succeeds while a node is paused, and a warning names the node that keeps the old image', async () => {
    const { app } = session.lab.images;
    const { name } = worker();
    await session.create('everywhere', { isGlobal: true });
    await worker().setAvailability('pause');
    const updated = await session.update('everywhere', { image: app['2'] });
    assert.deepEqual([updated.status, updated.body.status], [200, 'succeeded'], updated.text);
    const again = await session.update('everywhere', { image: app['2'] });
    assert.deepEqual([again.status, again.body.status], [200, 'unchanged'], again.text);
    for (const { body } of [updated, again]) {
      assert.deepEqual(
        body.warnings.map(({ code }: { code: string }) => code),
        ['old_task_kept'],
      );
      assert.match(body.warnings[0].message, new RegExp(`still runs on ${name} \\(.*docker node update`));
    }
    await session.waitForImages('everywhere', app['1'], app['2'], app['2']);

    await worker().setAvailability('active');
    await session.waitForImages('everywhere', app['2'], app['2'], app['2']);
    const last = await session.update('everywhere', { image: app['2'] });
    assert.deepEqual([last.body.status, last.body.warnings], ['unchanged', undefined]);
  });

  test('succeeds while a node is drained, without a warning', async () => {
    const { app } = session.lab.images;
    await session.create('almost-everywhere', { isGlobal: true });
    await worker().setAvailability('drain');
    try {
      const { status, body, text } = await session.update('almost-everywhere', { image: app['2'] });
      assert.deepEqual([status, body.status, body.warnings], [200, 'succeeded', undefined], text);
    } finally {
      await worker().setAvailability('active');
    }
  });
});

describe('an update of tasks that end', { concurrency: 3, timeout: 240_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession({
      SWARM_UTILS_UPDATE_SERVICE_TIMEOUT: '15000',
      SWARM_UTILS_PENDING_SERVICE_TIMEOUT: '3000',
    });
  });
  after(() => session.close());

  /** A service whose tasks run a text of the shell and end. */
  const createOneShot = async (name: string, text: string, ...args: readonly string[]) => {
    await session.create(name, {
      image: session.lab.images.runner,
      runningTasks: 0,
      labels: { 'swarm-utils.update.image-allow': '*' },
      args: ['--restart-condition', 'none', '--entrypoint', `sh -c '${text}'`, ...args],
    });
    await session.until(`${name} has ended`, async () => {
      const states = await session.docker('service', 'ps', '--format', '{{.CurrentState}}', name);
      return /^(Complete|Failed)/m.test(states);
    });
  };

  test('well is good, whether the swarm still watches them or not, and asked for again it is "unchanged"', async () => {
    const { app } = session.lab.images;
    for (const [name, failureAction] of [
      ['watched', 'pause'],
      ['unwatched', 'continue'],
    ] as const) {
      const watching = ['--update-monitor', '3s', '--update-failure-action', failureAction];
      await createOneShot(name, 'sleep 1', ...watching);
      const { status, body, text } = await session.update(name, { image: app['2'] });
      assert.deepEqual([status, body.status], [200, 'succeeded'], text);
      assert.match(rolloutOf(body).message, /1 ended well/);
      const version = await session.services.version(name);
      assert.equal((await session.update(name, { image: app['2'] })).body.status, 'unchanged');
      assert.equal(await session.services.version(name), version);
    }
  });

  test('badly is a failure at once, and asked for again they run again', async () => {
    const { app } = session.lab.images;
    const unwatched = ['--update-monitor', '2s', '--update-failure-action', 'continue'];
    await createOneShot('broken', 'sleep 1; echo out of luck; exit 3', ...unwatched);
    for (const attempt of [1, 2]) {
      const { status, body, text } = await session.update('broken', { image: app['2'] });
      assert.deepEqual([status, body.error?.code], [424, 'tasks_failed'], `attempt ${attempt}: ${text}`);
      assert.match(body.error.message, /the swarm starts no others\. Cause: task: non-zero exit \(3\)/);
      assert.deepEqual(rolloutOf(body).tasks[0].logs, ['out of luck']);
    }
  });

  test('later than the swarm watches them is told from a pause, and the message says so', async () => {
    const { app } = session.lab.images;
    // The first new task ends half a second after it began, and so do its successors. The other one runs on.
    const isFirst = 'test -e /v/first || echo $SLOT >/v/first; test $(cat /v/first) = $SLOT';
    const text = `test $APP_VERSION = 2 || sleep 1000; ${isFirst} || sleep 1000; sleep 0.5; exit 4`;
    await session.create('late', {
      labels: { 'swarm-utils.update.timeout': '20000' },
      replicas: 2,
      args: [
        ...['--update-monitor', '1ms', '--update-delay', '3s', '--restart-delay', '500ms'],
        ...['--mount', 'type=volume,source=late,target=/v', '--constraint', 'node.hostname==worker-1'],
        ...['--env', 'SLOT={{.Task.Slot}}', '--stop-signal', 'KILL', '--entrypoint', `sh -c '${text}'`],
      ],
    });
    const { status, body, text: answer } = await session.update('late', { image: app['2'] });
    assert.deepEqual([status, body.error?.code], [424, 'tasks_failed'], answer);
    assert.match(body.error.message, /Cause: task: non-zero exit \(4\)\. They failed later than the 1 ms/);
  });

  test('and are rolled back has its verdict when the old image runs again, with the cause', async () => {
    const { app } = session.lab.images;
    const rollback = ['--update-failure-action', 'rollback', '--update-monitor', '5s'];
    await session.create('back', { args: [...rollback, '--restart-delay', '2s'] });
    const { status, body, text } = await session.update('back', { image: app.crash });
    assert.deepEqual([status, body.status], [424, 'rolled_back'], text);
    assert.match(body.error.message, /Cause: task: non-zero exit \(1\)/);
    assert.deepEqual(await session.services.runningImages('back'), [await session.pinned(app['1'])]);
  });
});
