import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openSession, type Session } from './session.ts';

describe('an update', { concurrency: 4, timeout: 180_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession({
      SWARM_UTILS_PENDING_SERVICE_TIMEOUT: '1000',
      SWARM_UTILS_EXTRA_TIMEOUT: '100',
    });
  });
  after(() => session.close());

  test('of a service without tasks has its verdict at once, and the new image comes with the first task', async () => {
    const { app } = session.lab.images;
    await session.create('none', { replicas: 0 });
    const { status, body } = await session.update('none', { image: app['2'] });
    assert.deepEqual([status, body.status], [200, 'succeeded']);
    assert.match(body.steps.at(-1).message, /0 of 0 tasks/);
    assert.equal(await session.services.image('none'), await session.pinned(app['2']));
    await session.docker('service', 'scale', '--detach', 'none=1');
    await session.waitForImages('none', app['2']);
  });

  test('of a global service changes its task on every node', async () => {
    const { app } = session.lab.images;
    await session.create('everywhere', { isGlobal: true });
    const { status, body } = await session.update('everywhere', { image: app['2'] });
    assert.deepEqual([status, body.status], [200, 'succeeded']);
    const tasks = await session.tasks('everywhere');
    const good = await session.pinned(app['2']);
    assert.deepEqual(
      tasks.map(({ image }) => image),
      [good, good, good],
    );
    assert.equal(new Set(tasks.map(({ nodeId }) => nodeId)).size, 3);
  });

  test('of a global service that fits no node succeeds at once', async () => {
    const { app } = session.lab.images;
    const args = ['--constraint', 'node.labels.zone==moon'];
    await session.create('nowhere', { isGlobal: true, runningTasks: 0, args });
    const { status, body } = await session.update('nowhere', { image: app['2'] });
    assert.deepEqual([status, body.status], [200, 'succeeded']);
    assert.equal(await session.services.image('nowhere'), await session.pinned(app['2']));
  });

  for (const mode of ['replicated-job', 'global-job']) {
    test(`of a ${mode} is refused, and it does not run again`, async () => {
      const { app } = session.lab.images;
      // The Docker CLI of old asks for no update options with a job, and its mode once.
      const labels = ['swarm-utils.update.enable=true', 'swarm-utils.update.token=token-of-the-service-9c1d'];
      await session.docker(
        ...['service', 'create', '--detach', '--quiet', '--name', mode, '--mode', mode],
        ...labels.flatMap(label => ['--label', label]),
        ...[app['1'], 'true'],
      );
      const version = await session.services.version(mode);
      const { status, body } = await session.update(mode, { image: app['2'] });
      assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'unsupported_mode']);
      assert.match(body.error.message, new RegExp(`A ${mode} service has no rollout`));
      assert.equal(await session.services.version(mode), version);
    });
  }

  test('to the same digest is "unchanged": no write, no new task', async () => {
    const { app } = session.lab.images;
    await session.create('same', { replicas: 2 });
    const [version, tasks] = [await session.services.version('same'), await session.tasks('same')];
    for (const fields of [{ image: app['1'] }, {}]) {
      const { status, body } = await session.update('same', fields);
      assert.deepEqual([status, body.status], [200, 'unchanged']);
      assert.equal(body.error, undefined);
    }
    assert.equal(await session.services.version('same'), version);
    assert.deepEqual(await session.tasks('same'), tasks);
  });

  test('to another tag of the same digest writes that tag, by which the next update goes', async () => {
    const { registry } = session.lab;
    const digest = await registry.tag('app:1', 'promoted:staging');
    await registry.tag('app:1', 'promoted:production');
    await session.create('promoted', { image: registry.reference('promoted:staging') });
    const image = registry.reference('promoted:production');
    const { status, body, text } = await session.update('promoted', { image });
    assert.deepEqual([status, body.status], [200, 'succeeded'], text);
    assert.equal(await session.services.image('promoted'), `${image}@${digest}`);
    assert.equal(body.image.to, `${image}@${digest}`);
    await registry.tag('app:2', 'promoted:staging');
    assert.equal((await session.update('promoted')).body.status, 'unchanged');
  });

  test('with isForce makes every task anew from the same image', async () => {
    const { app } = session.lab.images;
    await session.create('forced', { replicas: 2 });
    const old = (await session.tasks('forced')).map(({ id }) => id);
    const { status, body } = await session.update('forced', { isForce: true });
    assert.deepEqual([status, body.status], [200, 'succeeded']);
    await session.waitForImages('forced', app['1'], app['1']);
    const tasks = await session.tasks('forced');
    assert.ok(
      tasks.every(({ id }) => !old.includes(id)),
      'a task is an old one',
    );
  });

  test('of a tag that was moved is a rollout, without the image being named', async () => {
    const { registry } = session.lab;
    const first = await registry.tag('app:1', 'moving:live');
    const image = registry.reference('moving:live');
    await session.create('moving', { image });
    const second = await registry.tag('app:2', 'moving:live');
    const { status, body } = await session.update('moving');
    assert.deepEqual([status, body.status], [200, 'succeeded']);
    assert.deepEqual(body.image, { from: `${image}@${first}`, to: `${image}@${second}`, digest: second });
    assert.deepEqual(await session.services.runningImages('moving'), [`${image}@${second}`]);
    assert.equal((await session.update('moving')).body.status, 'unchanged');
  });

  test('to an image for several platforms deploys the digest of the index', async () => {
    const { registry, images } = session.lab;
    const index = await registry.tagIndex('app:2', 'app:multi');
    assert.notEqual(index, await registry.digest('app:2'));
    await session.create('multi', { image: images.app['1'] });
    const image = registry.reference('app:multi');
    const { status, body } = await session.update('multi', { image });
    assert.deepEqual([status, body.status, body.image.digest], [200, 'succeeded', index]);
    assert.deepEqual(await session.services.runningImages('multi'), [`${image}@${index}`]);
  });

  test('of a service whose labels the swarm can not store twice says so, and changes nothing', async () => {
    const { app } = session.lab.images;
    const parts = Array.from({ length: 9 }, (_, index) => [`part-${index}`, 'x'.repeat(100_000)]);
    await session.create('laden', { labels: Object.fromEntries(parts) });
    const version = await session.services.version('laden');
    const { status, body } = await session.update('laden', { image: app['2'] });
    assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'spec_too_large']);
    assert.match(body.error.message, /Make the labels of the service smaller/);
    assert.equal(await session.services.version('laden'), version);
  });

  test('by digest deploys that digest, whatever the tag says by now', async () => {
    const { registry } = session.lab;
    const digest = await registry.digest('app:2');
    await session.create('exact');
    const { status, body } = await session.update('exact', { image: registry.reference(`app@${digest}`) });
    assert.deepEqual([status, body.status], [200, 'succeeded']);
    assert.deepEqual(await session.services.runningImages('exact'), [registry.reference(`app@${digest}`)]);
  });

  test('that takes longer than the label allows is 504, and the next call is not locked out', async () => {
    const { app } = session.lab.images;
    await session.create('slow', { labels: { 'swarm-utils.update.timeout': '200' } });
    const { status, body } = await session.update('slow', { image: app.slow });
    assert.deepEqual([status, body.status, body.error.code], [504, 'timed_out', 'timed_out']);
    assert.match(body.error.message, /no verdict within 1300 ms and goes on.*swarm-utils\.update\.timeout/);
    await session.label('slow', 'swarm-utils.update.timeout');
    const { status: second, body: followed } = await session.update('slow', { image: app.slow });
    assert.ok(
      second === 200 && (followed.status === 'succeeded' || followed.status === 'unchanged'),
      JSON.stringify(followed),
    );
    await session.waitForImages('slow', app.slow);
  });
});
