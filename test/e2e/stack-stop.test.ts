import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serviceName } from './deployment.ts';
import { openStage, type Stage, tokenLabels, touchInTasks, untilStep } from './stage.ts';

const token = 'token-of-the-shop-6a3e';
const waits = 'while [ ! -e /tmp/go ]; do sleep 0.1; done';

describe('swarm-utils that is ended', { timeout: 300_000 }, () => {
  let stage: Stage;
  before(async () => {
    stage = await openStage();
    const labels = { ...tokenLabels(token), 'swarm-utils.update.exec-pre': waits };
    await Promise.all(['shop', 'shop-2'].map(name => stage.services.create(name, { labels })));
  });
  after(() => stage?.close());

  const update = (name: string, fields: object = {}) =>
    stage.deployment.api.post(
      '/api/update/service',
      { serviceName: name, image: stage.lab.images.app['2'], ...fields },
      token,
    );
  const operationOf = async (name: string) => {
    const path = `/api/operations?serviceName=${name}&limit=1`;
    return (await stage.deployment.api.get(path, token)).body.operations.at(0);
  };
  const running = async (name: string) => {
    for (;;) {
      const operation = await operationOf(name);
      if (operation !== undefined) {
        await untilStep(stage, operation.id, 'exec-pre');
        return operation.id as string;
      }
      await sleep(50);
    }
  };
  const until = async (what: string, isSo: () => Promise<boolean>, timeoutMs = 20_000) => {
    const deadline = Date.now() + timeoutMs;
    while (!(await isSo())) {
      assert.ok(Date.now() < deadline, what);
      await sleep(50);
    }
  };
  const status = (path: string) =>
    stage.deployment.api.get(path).then(
      answer => answer.status,
      () => 0,
    );

  test('in order finishes what runs, refuses what is new, and has the verdict in its history', async () => {
    const { lab, deployment, services } = stage;
    const old = await deployment.containerId();
    const waiting = update('shop');
    const id = await running('shop');
    const restart = ['service', 'update', '--detach', '--quiet', '--force', serviceName];
    assert.equal((await lab.manager.docker(restart)).exitCode, 0);
    await until('it does not begin to stop', async () => (await status('/readyz')) === 503);

    const refused = await stage.withoutEffect(() => update('shop-2'));
    assert.deepEqual([refused.status, refused.body.error.code], [503, 'stopping']);
    assert.ok(Number(refused.headers['retry-after']) > 0);
    assert.equal(await status('/healthz'), 200);
    assert.equal(await deployment.containerId(), old);

    await touchInTasks(stage, 'shop', '/tmp/go');
    const answer = await waiting;
    assert.deepEqual([answer.status, answer.body.id, answer.body.status], [200, id, 'succeeded']);
    await until('no new container', async () => {
      const { stdout } = await lab.manager.docker(['ps', '--quiet', '--no-trunc']);
      return !stdout.includes(old) && (await status('/readyz')) === 200;
    });
    const { body } = await deployment.api.get(`/api/operations/${id}`, token);
    assert.deepEqual(body, answer.body);
    const { State } = await lab.manager.engine().getContainer(old).inspect();
    assert.equal(State.ExitCode, 0);
    const digest = await lab.registry.digest('app:2');
    assert.deepEqual(await services.runningImages('shop'), [`${lab.images.app['2']}@${digest}`]);
    assert.match(await deployment.logs(), /"event":"stop.awaits"/);
  });

  test('by kill -9 marks what ran as interrupted, removes the helper that it left, and works on', async () => {
    const { lab, deployment, services } = stage;
    const before = await services.image('shop-2');
    const lost = update('shop-2').catch((error: unknown) => error);
    const id = await running('shop-2');
    const old = await deployment.containerId();
    await until('no helper', async () => (await helpers(stage)).length === 1);
    assert.equal((await lab.manager.docker(['kill', '--signal', 'KILL', old])).exitCode, 0);
    assert.ok((await lost) instanceof Error);
    await until('it does not come back', async () => (await status('/readyz')) === 200, 30_000);

    const { body } = await deployment.api.get(`/api/operations/${id}`, token);
    assert.deepEqual([body.status, body.error.code], ['interrupted', 'interrupted']);
    assert.ok(Date.parse(body.finishedAt) >= Date.parse(body.createdAt));
    assert.equal(await services.image('shop-2'), before);

    assert.deepEqual(await helpers(stage), []);
    assert.match(await deployment.logs(), /"event":"leftover.mended","kind":"helper"/);
    await touchInTasks(stage, 'shop-2', '/tmp/go');
    const again = await update('shop-2');
    assert.deepEqual([again.status, again.body.status], [200, 'succeeded']);
    assert.deepEqual(await helpers(stage), []);
  });
});

async function helpers({ lab }: Stage): Promise<readonly string[]> {
  const filters = JSON.stringify({ label: ['swarm-utils.helper'] });
  return (await lab.manager.engine().listServices({ filters })).map(({ Spec }) => Spec?.Name ?? '');
}
