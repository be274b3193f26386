import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabNode } from '../lab/lab-node.ts';
import { openSession, type Session } from './session.ts';

const timeoutMs = 1500;
const wholeTimeoutMs = timeoutMs + 1500 + 100;

describe('an update', { timeout: 180_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession({
      SWARM_UTILS_UPDATE_SERVICE_TIMEOUT: String(timeoutMs),
      SWARM_UTILS_PENDING_SERVICE_TIMEOUT: '1500',
      SWARM_UTILS_EXTRA_TIMEOUT: '100',
    });
  });
  after(() => session.close());

  const worker = (number: 1 | 2): LabNode => session.lab.nodes[number] ?? assert.fail();

  /** Waits until a node has begun with the new task of a service that runs there. */
  const untilBegun = (service: string, node: LabNode) =>
    session.until(`${node.name} starts the new task of ${service}`, async () => {
      const filters = JSON.stringify({ service: [service], node: [node.name], 'desired-state': ['running'] });
      const tasks = (await session.lab.manager.engine().listTasks({ filters })) as {
        Status: { State: string };
        Spec: { ContainerSpec: { Image: string } };
      }[];
      return tasks.some(
        ({ Spec, Status }) => Spec.ContainerSpec.Image.includes('app:slow') && Status.State !== 'new',
      );
    });

  test('whose node dies or loses its network during the rollout ends within its time-out, and others go on', async () => {
    const { app } = session.lab.images;
    const [dying, cutOff] = [worker(1), worker(2)];
    const on = (node: LabNode) => ['--constraint', `node.hostname==${node.name}`];
    await Promise.all([
      session.create('dying', { args: on(dying) }),
      session.create('cut-off', { args: on(cutOff) }),
      session.create('elsewhere', { args: on(session.lab.manager) }),
    ]);
    const startedAt = performance.now();
    const updates = ['dying', 'cut-off'].map(name => session.update(name, { image: app.slow }));
    await Promise.all([untilBegun('dying', dying), untilBegun('cut-off', cutOff)]);
    await Promise.all([dying.kill(), cutOff.setLink('down')]);
    const other = session.update('elsewhere', { image: app['2'] });
    const answers = await Promise.all(updates);
    const tookMs = performance.now() - startedAt;
    for (const { status, body } of answers) {
      assert.deepEqual([status, body.status, body.error.code], [504, 'timed_out', 'timed_out']);
      assert.match(
        body.error.message,
        /no verdict within 3100 ms and goes on.*0 of 1 tasks run the new image/,
      );
    }
    assert.ok(tookMs < wholeTimeoutMs + 6000, `${tookMs} ms`);
    assert.equal((await other).status, 200);
    await session.waitForImages('elsewhere', app['2']);

    await Promise.all([dying.start(), cutOff.setLink('up')]);
    // What the swarm was told to do it does once it can; asked for again, that is the verdict.
    await Promise.all(
      ['dying', 'cut-off'].map(name =>
        session.until(
          `${name} runs`,
          async () => (await session.services.runningImages(name)).some(image => image.includes('app:slow')),
          60_000,
        ),
      ),
    );
    const again = await session.update('dying', { image: app.slow });
    assert.equal(again.status, 200, again.text);
  });

  test('while the Engine does not answer is 503 with a clear message, and swarm-utils is alive but not ready', async () => {
    const { lab, deployment } = session;
    const { app } = lab.images;
    await session.create('unreachable', { args: ['--constraint', 'node.role==manager'] });
    const running = session.update('unreachable', { image: app.slow });
    await untilBegun('unreachable', lab.manager);
    await lab.manager.pauseDaemon();
    try {
      const pausedAt = performance.now();
      const ready = deployment.api.get('/readyz').then(answer => {
        assert.ok(performance.now() - pausedAt < 10_000, 'a probe would have given up');
        return answer;
      });
      const update = session.update('unreachable', { image: app['3'] });
      let healthChecks = 0;
      let isOver = false;
      const watching = (async () => {
        for (; !isOver; healthChecks++) {
          const askedAt = performance.now();
          assert.equal((await deployment.api.get('/healthz')).status, 200);
          assert.ok(performance.now() - askedAt < 2000, 'it is stalled');
          await sleep(250);
        }
      })();
      const answers = await Promise.all([ready, update, running]);
      isOver = true;
      await watching;
      assert.ok(healthChecks > 10, `${healthChecks}`);
      const [notReady, refused, unknown] = answers;
      assert.deepEqual([notReady.status, notReady.body.error.code], [503, 'swarm_unavailable']);
      assert.deepEqual([refused.status, refused.body.error.code], [503, 'swarm_unavailable']);
      assert.match(refused.body.error.message, /The swarm can not be reached now/);
      assert.ok(refused.headers['retry-after'] !== undefined);
      assert.deepEqual([unknown.status, unknown.body.error.code], [503, 'swarm_unavailable']);
      assert.match(unknown.body.error.message, /The swarm manager could not be reached/);
      for (const { text } of answers) {
        assert.doesNotMatch(text, /docker\.sock|at .*\.[jt]s:\d+/);
      }
    } finally {
      await lab.manager.resumeDaemon();
    }
    await session.until(
      'it is ready again',
      async () => (await deployment.api.get('/readyz')).status === 200,
    );
    // Whichever: to the manager its own node was away, too.
    await session.until(
      'the swarm has a verdict',
      async () => {
        const { UpdateStatus } = await lab.manager.engine().getService('unreachable').inspect();
        return ['completed', 'paused'].includes(UpdateStatus?.State);
      },
      30_000,
    );
    await session.label('unreachable', 'swarm-utils.update.timeout', '20000');
    const { status, text } = await session.update('unreachable', { image: app['2'] });
    assert.equal(status, 200, text);
  });
});
