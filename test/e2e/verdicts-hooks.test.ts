import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openSession, type Session } from './session.ts';

describe('a hook', { concurrency: 3, timeout: 180_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession();
  });
  after(async () => {
    assert.deepEqual(await session.helpers(), [], 'helpers are left');
    await session.close();
  });

  // biome-ignore lint/suspicious/noExplicitAny: an answer of the API
  const stepOf = (body: any, wanted: string) =>
    body.steps.find(({ name }: { name: string }) => name === wanted);

  test('runs in the containers of all three tasks on three nodes: exec-pre in the old, exec-post in the new', async () => {
    const { images, nodes } = session.lab;
    await session.create('spread', {
      isGlobal: true,
      labels: {
        'swarm-utils.update.exec-pre': 'echo "pre on $APP_VERSION"',
        'swarm-utils.update.exec-post': 'echo "post on $APP_VERSION"; cat /etc/hostname',
      },
    });
    const { status, body } = await session.update('spread', { image: images.app['2'] });
    assert.deepEqual([status, body.status], [200, 'succeeded']);
    assert.deepEqual(
      body.steps.map(({ name, status: ended }: { name: string; status: string }) => `${name} ${ended}`),
      ['resolve succeeded', 'exec-pre succeeded', 'rollout succeeded', 'exec-post succeeded'],
    );
    const pre = stepOf(body, 'exec-pre').helper.tasks;
    assert.deepEqual(
      pre.map(({ node }: { node: string }) => node).sort(),
      nodes.map(({ name }) => name).sort(),
    );
    assert.ok(pre.every(({ logs }: { logs: string[] }) => logs.join('\n') === 'pre on 1'));
    const post = stepOf(body, 'exec-post').helper.tasks;
    const containers = (await session.tasks('spread')).map(({ containerId }) => containerId.slice(0, 12));
    assert.deepEqual(
      post.map(({ logs }: { logs: string[] }) => logs[1]).sort(),
      containers.sort(),
      'it ran in other containers than those of the new tasks',
    );
    assert.ok(post.every(({ logs }: { logs: string[] }) => logs[0] === 'post on 2'));
  });

  test('before the rollout that fails stops the update, and its exit code and output are in the answer', async () => {
    const { app } = session.lab.images;
    await session.create('stopped', {
      labels: { 'swarm-utils.update.exec-pre': 'echo "cannot drain" >&2; exit 7' },
    });
    const version = await session.services.version('stopped');
    const { status, body } = await session.update('stopped', { image: app['2'] });
    assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'exec_failed']);
    const [task] = stepOf(body, 'exec-pre').helper.tasks;
    assert.equal(task.exitCode, 7);
    assert.deepEqual(task.logs, ['cannot drain']);
    assert.equal(stepOf(body, 'rollout').status, 'skipped');
    assert.equal(await session.services.version('stopped'), version);
    await session.waitForImages('stopped', app['1']);
  });

  test('after the rollout that fails makes it a failure, and the new image runs', async () => {
    const { app } = session.lab.images;
    await session.create('followed', { labels: { 'swarm-utils.update.exec-post': 'exit 1' } });
    const { status, body } = await session.update('followed', { image: app['2'] });
    assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'exec_failed']);
    assert.match(body.error.message, /exec-post failed in 1 of 1 task\./);
    assert.equal(stepOf(body, 'rollout').status, 'succeeded');
    await session.waitForImages('followed', app['2']);
  });

  test('that overruns its time-out ends as timed out, stops the update, and does not block the next call', async () => {
    const { app } = session.lab.images;
    await session.create('overrun', {
      labels: {
        'swarm-utils.update.exec-pre': 'echo begun; sleep 60',
        'swarm-utils.update.exec-pre.timeout': '1_000',
      },
    });
    const { status, body } = await session.update('overrun', { image: app['2'] });
    assert.deepEqual([status, body.status, body.error.code], [504, 'timed_out', 'timed_out']);
    assert.match(body.error.message, /longer than its time-out of 1000 ms/);
    const { helper } = stepOf(body, 'exec-pre');
    assert.deepEqual(helper.tasks[0].logs, ['begun']);
    assert.ok(!(await session.helpers()).includes(helper.name), 'the helper is left');
    await session.waitForImages('overrun', app['1']);
    await session.label('overrun', 'swarm-utils.update.exec-pre', 'true');
    const next = await session.update('overrun', { image: app['2'] });
    assert.deepEqual([next.status, next.body.status], [200, 'succeeded'], next.text);
    await session.waitForImages('overrun', app['2']);
  });

  test('whose shell the container lacks fails and says so', async () => {
    await session.create('shell-less', {
      labels: {
        'swarm-utils.update.exec-pre': 'true',
        'swarm-utils.update.exec-pre.shell': '/bin/no-such-shell',
      },
    });
    const { status, body } = await session.update('shell-less', { image: session.lab.images.app['2'] });
    assert.deepEqual([status, body.error.code], [424, 'exec_failed']);
    const [task] = stepOf(body, 'exec-pre').helper.tasks;
    assert.ok(task.exitCode >= 126, `${task.exitCode}`);
    assert.match(task.logs.join('\n'), /no-such-shell/);
  });

  test('uses the shell that the label names, and writes in its own container', async () => {
    await session.create('shell', {
      labels: {
        'swarm-utils.update.exec-post': 'echo $0 >/tmp/shell',
        'swarm-utils.update.exec-post.shell': '/bin/ash',
      },
    });
    const { status, text } = await session.update('shell', { image: session.lab.images.app['2'] });
    assert.equal(status, 200, text);
    assert.deepEqual(await session.inTasks('shell', 'cat', '/tmp/shell'), ['/bin/ash\n']);
  });

  test('has nothing to do where no task runs', async () => {
    await session.create('idle', { replicas: 0, labels: { 'swarm-utils.update.exec-pre': 'exit 1' } });
    const { status, body } = await session.update('idle', { image: session.lab.images.app['2'] });
    assert.deepEqual([status, body.status], [200, 'succeeded']);
    assert.match(stepOf(body, 'exec-pre').message, /0 tasks/);
  });

  test('does not run for an image that is there already, nor for one that is not there at all', async () => {
    const { images, registry } = session.lab;
    await session.create('needless', { labels: { 'swarm-utils.update.exec-pre': 'touch /tmp/it-ran' } });
    assert.equal((await session.update('needless', { image: images.app['1'] })).body.status, 'unchanged');
    assert.equal((await session.update('needless', { image: registry.reference('app:none') })).status, 424);
    assert.deepEqual(await session.inTasks('needless', 'ls', '/tmp'), ['ready\nwww\n']);
  });
});
