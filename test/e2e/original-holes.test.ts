import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { helperName } from '../../src/core/helper-name.ts';
import { connectLab } from '../lab/lab.ts';
import { startLoggingRegistry } from './logging-registry.ts';
import { holdingHook, openSession, type Session, serviceToken } from './session.ts';

const hooks = {
  'swarm-utils.update.exec-pre': 'echo pre $APP_VERSION',
  'swarm-utils.update.exec-post': 'echo post $APP_VERSION',
};

describe('what was wrong with the original', { timeout: 180_000 }, () => {
  let session: Session;
  before(async () => {
    const lab = await connectLab(Number(process.env.SWARM_UTILS_LAB_INSTANCE));
    await lab.reset();
    await lab.registry.tag('docker:cli', 'helper:live');
    session = await openSession({
      // Of a tag that a test moves.
      SWARM_UTILS_DOCKER_CLI_IMAGE_NAME: lab.registry.reference('helper:live'),
      SWARM_UTILS_PENDING_SERVICE_TIMEOUT: '4000',
    });
  });
  after(() => session.close());

  /** Fails unless /healthz answers at once, again and again, while the work is done. */
  const whileHealthy = async <T>(work: () => Promise<T>): Promise<T> => {
    let isOver = false;
    const watching = (async () => {
      while (!isOver) {
        const askedAt = performance.now();
        const { status } = await session.deployment.api.get('/healthz');
        assert.equal(status, 200);
        assert.ok(performance.now() - askedAt < 1500, 'it is stalled');
        await sleep(50);
      }
    })();
    const working = work().finally(() => {
      isOver = true;
    });
    const [done] = await Promise.all([working, watching]);
    return done;
  };

  describe('is right', { concurrency: 3 }, () => {
    test('services with names of 63 characters run their hooks, also two that differ in the last one only', async () => {
      const { app } = session.lab.images;
      const names = ['a', 'b'].map(last => `long-${'n'.repeat(57)}${last}`);
      assert.ok(names.every(({ length }) => length === 63));
      await Promise.all(names.map(name => session.create(name, { labels: hooks })));
      const answers = await Promise.all(names.map(name => session.update(name, { image: app['2'] })));
      for (const { status, body, text } of answers) {
        assert.equal(status, 200, text);
        const [, pre, , post] = body.steps;
        assert.deepEqual(pre.helper.tasks[0].logs, ['pre 1']);
        assert.deepEqual(post.helper.tasks[0].logs, ['post 2']);
        assert.ok(pre.helper.name.length <= 63, pre.helper.name);
      }
      await Promise.all(names.map(name => session.waitForImages(name, app['2'])));
    });

    test('a name that is the beginning of another one means the service of exactly that name, or none', async () => {
      const { app } = session.lab.images;
      await session.create('back-admin_api');
      const missing = await session.update('back', { image: app['2'] });
      assert.equal(missing.status, 404);
      const { api, secrets } = session.deployment;
      const absent = await api.post('/api/update/service', { serviceName: 'back' }, secrets.adminToken);
      assert.equal(absent.status, 404);
      await session.create('back');
      const version = await session.services.version('back-admin_api');
      const { status, body } = await session.update('back', { image: app['2'] });
      assert.deepEqual([status, body.target.name], [200, 'back']);
      await session.waitForImages('back', app['2']);
      await session.waitForImages('back-admin_api', app['1']);
      assert.equal(await session.services.version('back-admin_api'), version);
    });

    test('a helper of a living owner that has no task yet counts as busy, and only after a while as left', async () => {
      const { app, dockerCli } = session.lab.images;
      await session.create('racing', { labels: hooks });
      const { ID: id } = await session.lab.manager.engine().getService('racing').inspect();
      const leftover = helperName('exec-pre', { id, name: 'racing' }, '1');
      // A container that is there, as that of another swarm-utils would be.
      const [owner] = await session.tasks('racing');
      await session.docker(
        ...['service', 'create', '--detach', '--quiet', '--name', leftover, '--replicas', '0'],
        ...['--label', `swarm-utils.helper=${owner?.containerId}/1`, dockerCli],
      );
      const busy = await session.update('racing', { image: app['2'] });
      assert.deepEqual([busy.status, busy.body.error.code], [409, 'helper_busy']);
      assert.ok((await session.helpers()).includes(leftover), 'it was removed');
      await session.waitForImages('racing', app['1']);
      await sleep(4000);
      const { status, text } = await session.update('racing', { image: app['2'] });
      assert.equal(status, 200, text);
      assert.ok(!(await session.helpers()).includes(leftover), 'it is left');
    });

    test("a service of somebody's own that is named like a helper is never removed", async () => {
      const { app } = session.lab.images;
      await session.create('named', { labels: hooks });
      const { ID: id } = await session.lab.manager.engine().getService('named').inspect();
      const theirs = helperName('exec-pre', { id, name: 'named' }, '1');
      await session.create(theirs, { image: app['3'] });
      const { status, body } = await session.update('named', { image: app['2'] });
      assert.deepEqual([status, body.error.code], [409, 'helper_busy']);
      await session.waitForImages(theirs, app['3']);
    });

    test('each outcome has a status of its own', async () => {
      const { app } = session.lab.images;
      const { api, secrets } = session.deployment;
      await session.create('plain');
      await session.create('closed', { labels: { 'swarm-utils.update.enable': 'false' } });
      const path = '/api/update/service';
      const statuses = {
        succeeded: (await session.update('plain', { image: app['2'] })).status,
        accepted: (await session.update('plain', { waitRes: false })).status,
        malformed: (await session.update('plain', { image: '' })).status,
        unauthorized: (await api.post(path, { serviceName: 'plain' }, 'of-nobody')).status,
        unknown: (await api.post(path, { serviceName: 'unknown' }, secrets.adminToken)).status,
        otherMethod: (await api.get(path, serviceToken)).status,
        closed: (await session.update('closed')).status,
        foreignImage: (await session.update('plain', { image: 'docker.io/library/nginx:1' })).status,
        absentImage: (await session.update('plain', { image: session.lab.registry.reference('app:0') }))
          .status,
      };
      assert.deepEqual(statuses, {
        succeeded: 200,
        accepted: 202,
        malformed: 400,
        unauthorized: 401,
        unknown: 404,
        otherMethod: 405,
        closed: 422,
        foreignImage: 422,
        absentImage: 424,
      });
    });

    test('errors tell nothing of the inside', async () => {
      const { api, secrets } = session.deployment;
      const { adminToken } = secrets;
      const answers = await Promise.all([
        api.post('/api/update/service', '{"serviceName":', adminToken),
        api.post('/api/update/service', '[]', adminToken),
        api.post('/api/update/service', `{"serviceName":"${'x'.repeat(300_000)}"}`, adminToken),
        api.post('/api/update/service', { serviceName: 'nothing' }, adminToken),
        api.post('/api/update/service', '{}', adminToken, { 'content-type': 'text/plain' }),
        api.post('/api/update/service', '{}', adminToken, { 'content-encoding': 'gzip' }),
        api.get('/api/services/%E0%A4%A', adminToken),
        api.get('/api/services/%00', adminToken),
        api.get('/api/operations/nothing', adminToken),
        api.get('/nothing', adminToken),
        api.post('/webhooks/github', 'junk'),
        api.get('/api/services', 'eyJhbGciOiJub25lIn0.e30.'),
      ]);
      for (const { status, text, body } of answers) {
        assert.ok(status >= 400 && status < 500, `${status} ${text}`);
        assert.deepEqual(Object.keys(body), ['error']);
        assert.doesNotMatch(text, /stack|\bat .*:\d+:\d+|node_modules|\.[jt]s\b|\/app|docker\.sock|canary/i);
      }
    });
  });

  test('a slow registry and a hung worker stall nobody else', async () => {
    const { lab } = session;
    const slow = await startLoggingRegistry(lab, 'slow', { delayMs: 1500 });
    const [, worker = assert.fail()] = lab.nodes;
    await session.create('slowly', { labels: { 'swarm-utils.update.image-allow': '*' } });
    await session.create('on-hung', {
      labels: holdingHook,
      args: ['--constraint', 'node.hostname==worker-1'],
    });
    await session.create('elsewhere', { args: ['--constraint', 'node.role==manager'] });
    try {
      await whileHealthy(async () => {
        await worker.pauseDaemon();
        const hung = session.update('on-hung', { image: lab.images.app['2'] });
        const [slowly, elsewhere] = await Promise.all([
          session.update('slowly', { image: `${slow.address}/app:2` }),
          session.update('elsewhere', { image: lab.images.app['2'] }),
        ]);
        assert.deepEqual([slowly.status, slowly.body.error.code], [424, 'registry_unauthorized']);
        assert.equal(elsewhere.status, 200, elsewhere.text);
        // The helper has not begun by the time it should have, and can be stopped as soon as its node is back.
        await sleep(4500);
        await worker.resumeDaemon();
        const { status, body } = await hung;
        assert.deepEqual([status, body.error.code], [424, 'exec_failed']);
        assert.match(body.error.message, /helper is still .* after 4000 ms/);
      });
    } finally {
      await worker.resumeDaemon();
      await slow.close();
    }
    await session.label('on-hung', 'swarm-utils.update.exec-pre');
    await session.until(
      'the worker is back',
      async () =>
        (await session.docker('node', 'inspect', '--format', '{{.Status.State}}', 'worker-1')).trim() ===
        'ready',
    );
    const next = await session.update('on-hung', { image: lab.images.app['2'] });
    assert.equal(next.status, 200, next.text);
  });

  test('a password of a registry stands in no argument, specification, answer or log', async () => {
    const { lab, deployment } = session;
    const { password } = lab.privateRegistry;
    const found: string[] = [];
    let isOver = false;
    const watching = (async () => {
      while (!isOver) {
        for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
          const files = [`/proc/${pid}/cmdline`];
          const texts = await Promise.all(files.map(file => readFile(file, 'utf8').catch(() => '')));
          found.push(...texts.filter(text => text.includes(password)));
        }
        const services = await lab.manager.engine().listServices();
        found.push(
          ...services.map(service => JSON.stringify(service)).filter(text => text.includes(password)),
        );
        await sleep(20);
      }
    })();
    const image = lab.privateRegistry.reference('app:2');
    await session.create('secretive', {
      labels: { ...hooks, 'swarm-utils.update.image-allow': '*', 'swarm-utils.update.registry.auth': 'true' },
    });
    const { status, text } = await session.update('secretive', { image });
    isOver = true;
    await watching;
    assert.equal(status, 200, text);
    await session.waitForImages('secretive', image);
    assert.deepEqual(found, []);
    assert.ok(!text.includes(password));
    assert.ok(!(await deployment.logs()).includes(password));
  });

  test('a helper that the swarm can not run is a failure, and nothing is rolled out', async () => {
    const { registry, images } = session.lab;
    await session.create('unaided', { labels: hooks });
    await registry.tag('app:1', 'helper:live');
    const { status, body } = await session.update('unaided', { image: images.app['2'] });
    assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'exec_failed']);
    assert.match(body.error.message, /docker: not found/);
    await session.waitForImages('unaided', images.app['1']);
    assert.deepEqual(await session.helpers(), []);
  });
});
