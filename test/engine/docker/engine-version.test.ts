import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { newestKnownApiVersion } from '../../../src/core/engine-api-version.ts';
import type { SeenEngine } from '../../../src/engine/docker/engine-version.ts';
import { createDockerodeSwarm } from '../../../src/engine/dockerode.ts';
import type { Swarm } from '../../../src/engine/swarm.ts';
import {
  refusal,
  type StandInEngine,
  sendAnswer,
  startStandInEngine,
  text,
} from '../../fixtures/stand-in-engine.ts';

async function connect(context: TestContext, versions: Partial<StandInEngine['versions']> = {}) {
  const engine = await startStandInEngine();
  context.after(() => engine.close());
  engine.versions = { ...engine.versions, ...versions };
  engine.nodes.set('n', {
    ID: 'n',
    Spec: { Role: 'manager', Availability: 'active' },
    Description: { Hostname: 'one' },
    Status: { State: 'ready' },
  });
  const seen: SeenEngine[] = [];
  const swarm = createDockerodeSwarm({ host: engine.host }, each => seen.push(each));
  const versionsAsked = () => engine.requests.map(({ path, version }) => `${path} ${version}`);
  return { engine, swarm, seen, versionsAsked };
}

suite('the version of the Engine API', () => {
  test('is seen once for all that is asked at the same time and later, and stands in every path but those of services', async context => {
    const { engine, swarm, seen, versionsAsked } = await connect(context, {
      newest: '1.45',
      release: '26.1.5',
    });
    await Promise.all([swarm.listNodes(), swarm.listServices(), swarm.listConfigs('a')]);
    await swarm.listNodes();
    assert.equal(engine.pings, 1);
    assert.deepEqual(versionsAsked().sort(), [
      '/configs 1.45',
      '/nodes 1.45',
      '/nodes 1.45',
      '/services undefined',
    ]);
    assert.deepEqual(seen, [{ release: '26.1.5', apiVersion: '1.45', support: 'known' }]);
  });

  test('is the newest that is known here, for an Engine that is newer', async context => {
    const versions = { newest: '1.56', oldest: '1.40', release: '29.8.0' };
    const { swarm, seen, versionsAsked } = await connect(context, versions);
    await swarm.listNodes();
    assert.equal(versionsAsked().at(-1), `/nodes ${newestKnownApiVersion}`);
    assert.deepEqual(seen, [{ release: '29.8.0', apiVersion: '1.56', support: 'newer' }]);
  });

  test('is so too where a proxy does not tell how old a version the Engine speaks', async context => {
    const { engine, swarm, seen } = await connect(context, { newest: '1.56', oldest: '1.55' });
    engine.misbehave(({ path }) =>
      path === '/version' ? response => sendAnswer(response, text(403, 'Forbidden')) : undefined,
    );
    await swarm.listNodes();
    assert.equal(seen[0]?.support, 'newer');
  });

  test('is seen anew when the Engine was away', async context => {
    const { engine, swarm, seen, versionsAsked } = await connect(context, {
      newest: '1.41',
      release: '20.10.24',
    });
    await swarm.listNodes();
    await engine.stop();
    await assert.rejects(swarm.listNodes(), { code: 'unavailable' });
    engine.versions = { newest: '1.45', oldest: '1.24', release: '26.1.5' };
    await engine.start();
    await swarm.listNodes();
    assert.deepEqual(versionsAsked(), ['/nodes 1.41', '/nodes 1.45']);
    assert.deepEqual(
      seen.map(({ release }) => release),
      ['20.10.24', '26.1.5'],
    );
  });

  test('is seen anew when answers come from another Engine', async context => {
    const { engine, swarm, versionsAsked } = await connect(context, { newest: '1.41' });
    await swarm.listNodes();
    engine.versions = { ...engine.versions, newest: '1.45' };
    await swarm.listNodes();
    await swarm.listNodes();
    assert.deepEqual(versionsAsked(), ['/nodes 1.41', '/nodes 1.41', '/nodes 1.45']);
  });

  test('that an Engine does not speak any more is seen anew, and what was asked for is asked again', async context => {
    const { engine, swarm, versionsAsked } = await connect(context, { newest: '1.45' });
    await swarm.listNodes();
    engine.versions = { ...engine.versions, newest: '1.41' };
    const words = 'client version 1.45 is too new. Maximum supported API version is 1.41';
    engine.misbehave(({ version }) =>
      version === '1.45' ? response => sendAnswer(response, refusal(400, words)) : undefined,
    );
    assert.equal((await swarm.listNodes()).length, 1);
    await swarm.createConfig({ name: 'a', labels: { a: 'b' }, data: '' });
    assert.deepEqual(versionsAsked().slice(-3), ['/nodes 1.45', '/nodes 1.41', '/configs/create 1.41']);
  });
});

suite('an Engine that can not be worked with', () => {
  const tooOld = { newest: '1.40', oldest: '1.12', release: '19.03.15' };
  const tooNew = { newest: '1.80', oldest: '1.60', release: '33.0.0' };
  const calls: readonly ((swarm: Swarm) => Promise<unknown>)[] = [
    swarm => swarm.checkManager(),
    swarm => swarm.findService('shop'),
    swarm => swarm.scaleService('abc', { replicas: 1, version: 1 }),
    swarm => swarm.createConfig({ name: 'a', labels: { a: 'b' }, data: '' }),
  ];

  test('is told, and asked for nothing, until it is another one', async context => {
    for (const [versions, code, advice] of [
      [tooOld, 'engine_too_old', /Docker 20\.10\. Upgrade the Engine\.$/],
      [tooNew, 'engine_too_new', /Upgrade swarm-utils\.$/],
    ] as const) {
      const { engine, swarm, seen } = await connect(context, versions);
      for (const call of calls) {
        await assert.rejects(call(swarm), { code, message: advice, mayBeDone: false });
      }
      assert.deepEqual(
        engine.requests.filter(({ path }) => path !== '/version'),
        [],
      );
      assert.equal(seen.length, 1, 'it is told once');
      engine.versions = { newest: '1.51', oldest: '1.24', release: '28.5.2' };
      await swarm.checkManager();
    }
  });

  test('is one that is no manager, or whose swarm has no leader', async context => {
    const { engine, swarm } = await connect(context);
    for (const [status, words, reason] of [
      [503, 'This node is not a swarm manager. Use "docker swarm init" …', 'not_a_manager'],
      [500, "The swarm does not have a leader. It's possible that too few managers are online.", 'no_leader'],
    ] as const) {
      engine.misbehave(({ path }) =>
        path === '/nodes' ? response => sendAnswer(response, refusal(status, words)) : undefined,
      );
      await assert.rejects(swarm.checkManager(), { code: 'unavailable', reason });
    }
  });
});
