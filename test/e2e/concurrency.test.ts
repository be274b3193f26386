import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { acmeShop, githubPush } from '../fixtures/github-payloads.ts';
import { signGithubWebhook } from '../fixtures/webhooks.ts';
import { serviceName as ownName } from './deployment.ts';
import { holdingHook, openSession, type Session, serviceToken } from './session.ts';

describe('at the same time', { timeout: 180_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession();
  });
  after(() => session.close());

  describe('as other operations', { concurrency: 3 }, () => {
    test('of two updates of a service one runs, and the other gets 409 after the lock time-out', async () => {
      const { app } = session.lab.images;
      await session.create('contended', { labels: holdingHook });
      const first = session.update('contended', { image: app['2'] });
      await session.untilHeld('contended');
      const startedAt = performance.now();
      const { status, headers, body } = await session.update('contended', { image: app['3'] });
      const waitedMs = performance.now() - startedAt;
      assert.deepEqual([status, body.status, body.error.code], [409, 'failed', 'busy']);
      assert.equal(headers['retry-after'], '1');
      assert.ok(waitedMs >= 990, `it waited ${waitedMs} ms`);
      assert.deepEqual(body.steps, []);
      await session.release('contended');
      assert.equal((await first).status, 200);
      await session.waitForImages('contended', app['2']);
    });

    test('updates of different services run', async () => {
      const { app } = session.lab.images;
      const names = ['left', 'middle', 'right'];
      await Promise.all(names.map(name => session.create(name, { labels: holdingHook })));
      const updates = names.map(name => session.update(name, { image: app['2'] }));
      // Each has come to its hook before any of them may go on.
      await Promise.all(names.map(name => session.untilHeld(name)));
      await Promise.all(names.map(name => session.release(name)));
      assert.deepEqual(
        (await Promise.all(updates)).map(({ status }) => status),
        [200, 200, 200],
      );
      await Promise.all(names.map(name => session.waitForImages(name, app['2'])));
    });

    test('webhooks wait as long as it takes, and those that want the same become one operation', async () => {
      const { images, registry } = session.lab;
      await session.create('hooked', {
        labels: {
          ...holdingHook,
          'swarm-utils.update.image': registry.reference('app:3'),
          'swarm-utils.update.github.repository': acmeShop.fullName,
          'swarm-utils.update.github.ref': 'refs/heads/main',
          'swarm-utils.update.github.on': 'push',
        },
      });
      const running = session.update('hooked', { image: images.app['2'] });
      await session.untilHeld('hooked');
      const secret = session.deployment.webhookSecret('github', acmeShop.fullName);
      const answers = await Promise.all(
        ['1', '2', '3'].map(digit => {
          const payload = githubPush({ after: digit.repeat(40) });
          return session.deployment.api.webhook(
            'github',
            signGithubWebhook({ event: 'push', payload, secret }),
          );
        }),
      );
      assert.deepEqual(
        answers.map(({ status }) => status),
        [202, 202, 202],
      );
      const ids = new Set(answers.map(({ body }) => body.operations[0].id));
      assert.equal(ids.size, 1);
      // Longer than the lock time-out, which is not for them: another one runs into it meanwhile.
      assert.equal((await session.update('hooked')).status, 409);
      const [id] = [...ids];
      const operationPath = `/api/operations/${id}`;
      const waiting = await session.deployment.api.get(operationPath, serviceToken);
      assert.equal(waiting.body.status, 'queued');
      await session.label('hooked', 'swarm-utils.update.exec-pre');
      await session.release('hooked');
      assert.equal((await running).status, 200);
      assert.equal((await session.verdict(String(id))).status, 'succeeded');
      await session.waitForImages('hooked', images.app['3']);
    });

    test('the caller of waitRes=false goes on, and finds the verdict where the answer says', async () => {
      const { app } = session.lab.images;
      await session.create('later', { labels: holdingHook });
      const { status, headers, body } = await session.update('later', { image: app['2'], waitRes: false });
      assert.equal(status, 202);
      assert.equal(headers.location, `/api/operations/${body.id}`);
      await session.untilHeld('later');
      const running = await session.deployment.api.get(String(headers.location), serviceToken);
      assert.deepEqual([running.status, running.body.status], [200, 'running']);
      await session.release('later');
      assert.equal((await session.verdict(body.id)).status, 'succeeded');
      const ended = await session.deployment.api.get(String(headers.location), serviceToken);
      assert.deepEqual([ended.status, ended.body.status], [200, 'succeeded']);
      await session.waitForImages('later', app['2']);
    });

    test('a client that leaves does not stop its operation', async () => {
      const { images, manager } = session.lab;
      await session.create('left-alone', { labels: holdingHook });
      const client = request(`http://${manager.address}:3000/api/update/service`, {
        method: 'POST',
        agent: false,
        headers: { authorization: `Bearer ${serviceToken}`, 'content-type': 'application/json' },
      });
      client.on('error', () => undefined);
      client.end(JSON.stringify({ serviceName: 'left-alone', image: images.app['2'] }));
      await session.untilHeld('left-alone');
      client.destroy();
      await session.release('left-alone');
      await session.waitForImages('left-alone', images.app['2']);
      const { id } = await manager
        .engine()
        .getService('left-alone')
        .inspect()
        .then(({ ID }) => ({ id: ID }));
      const { body } = await session.deployment.api.get(
        '/api/operations',
        session.deployment.secrets.adminToken,
      );
      const [operation] = body.operations.filter(
        ({ target }: { target: { id: string } }) => target.id === id,
      );
      assert.equal((await session.verdict(operation.id)).status, 'succeeded');
    });

    test('of twenty requests exactly one updates, and every one has an answer', async () => {
      const { app } = session.lab.images;
      await session.create('stormed');
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => session.update('stormed', { image: app['2'] })),
      );
      const verdicts = answers.map(({ status, body }) => `${status} ${body.error?.code ?? body.status}`);
      assert.equal(verdicts.filter(verdict => verdict === '200 succeeded').length, 1, String(verdicts));
      const others = verdicts.filter(verdict => verdict !== '200 succeeded');
      assert.ok(
        others.every(verdict => verdict === '409 busy' || verdict === '200 unchanged'),
        String(others),
      );
      await session.waitForImages('stormed', app['2']);
      const tasks = await session.docker('service', 'ps', '--quiet', 'stormed');
      assert.equal(tasks.trim().split('\n').length, 2, 'the old task and one new one');
    });
  });

  test('what a killed swarm-utils had at work is over, and the next one goes on', async () => {
    const { lab, deployment } = session;
    const { app } = lab.images;
    await session.create('orphaned', { labels: holdingHook });
    const { body: operation } = await session.update('orphaned', { image: app['2'], waitRes: false });
    await session.untilHeld('orphaned');
    await session.docker('kill', '--signal', 'KILL', await deployment.containerId());
    await session.until(
      'swarm-utils is back',
      async () => {
        const ready = await deployment.api.get('/readyz').catch(() => undefined);
        return ready?.status === 200;
      },
      60_000,
    );
    const { status: interrupted } = await session.verdict(operation.id);
    assert.equal(interrupted, 'interrupted');
    assert.deepEqual(await session.helpers(), []);
    await session.release('orphaned');
    const { status, text } = await session.update('orphaned', { image: app['2'] });
    assert.equal(status, 200, text);
    assert.deepEqual(await session.helpers(), []);
    await session.waitForImages('orphaned', app['2']);
    assert.match(await session.docker('service', 'ps', '--format', '{{.Error}}', ownName), /137/);
  });
});
