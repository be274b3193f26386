import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { HelperService } from '../../src/core/helper.ts';
import { clusterMount, openBackup, volumesOn } from './backup-shop.ts';
import { carryAsk } from './fake-engine.ts';

const both = ['data', 'more'];

/** What a helper asks the Engine for. */
function pathsOf({ command }: HelperService): readonly string[] {
  return command.filter(word => word.startsWith('/volumes'));
}

suite('locate', () => {
  test('asks each node of the running tasks once, and nothing has been touched', async () => {
    const shop = openBackup({ replicas: 2 });
    const { swarm } = shop.world;
    swarm.addNode({ id: 'node-2', hostname: 'worker-2' });
    swarm.addNode({ id: 'node-3', hostname: 'worker-3' });
    swarm.addTask({ serviceId: shop.service.id, nodeId: 'node-2' });
    swarm.addTask({ serviceId: shop.service.id, nodeId: 'node-3', desiredState: 'shutdown' });
    shop.helpersSay(volumesOn({ 'node-1': both, 'node-2': both }));
    const outcome = await shop.locate();
    assert.equal(outcome.status, 'succeeded');
    assert.deepEqual(
      outcome.volumes?.map(({ node, volume }) => `${volume} ${node}`),
      ['data node-1', 'data worker-2', 'more node-1', 'more worker-2'],
    );
    assert.match(shop.context.located?.backup ?? '', /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/);
    const [ofManager, ofWorker] = shop.helpers.map(helper => [helper.nodeId, pathsOf(helper)]);
    assert.deepEqual(ofManager, ['node-1', ['/volumes/data', '/volumes/more', '/volumes']]);
    assert.deepEqual(ofWorker, ['node-2', ['/volumes/data', '/volumes/more']]);
  });

  test('asks every node that can run a helper where no task runs', async () => {
    const shop = openBackup({ replicas: 0 });
    const { swarm } = shop.world;
    swarm.addNode({ id: 'node-2', hostname: 'worker-2' });
    swarm.addNode({ id: 'node-3', hostname: 'worker-3', availability: 'drain' });
    shop.helpersSay(volumesOn({ 'node-2': both }));
    assert.equal((await shop.locate()).status, 'succeeded');
    assert.deepEqual(
      shop.context.located?.places.map(({ nodeName, volume }) => `${volume} ${nodeName}`),
      ['data worker-2', 'more worker-2'],
    );
  });

  test('a volume that is not there is an error that names it and the node', async () => {
    const shop = openBackup();
    shop.helpersSay(volumesOn({ 'node-1': ['data'] }));
    await assert.rejects(shop.locate(), { code: 'volume_not_found', message: /Volume more .* node-1/ });
    assert.equal(shop.context.located, undefined);
  });

  test('what the service mounts must be on each of its nodes, what it does not on one', async () => {
    const shop = openBackup({ volumes: ['data'] });
    const { swarm } = shop.world;
    swarm.addNode({ id: 'node-2', hostname: 'worker-2' });
    swarm.addTask({ serviceId: shop.service.id, nodeId: 'node-2' });
    shop.helpersSay(volumesOn({ 'node-1': both, 'node-2': ['more'] }));
    await assert.rejects(shop.locate(), { code: 'volume_not_found', message: /data .* worker-2/ });
    shop.helpersSay(volumesOn({ 'node-1': ['data'], 'node-2': both }));
    await shop.locate();
    assert.equal(shop.context.located?.places.length, 3);
  });

  for (const [change, word] of [
    [{ state: 'down' }, /is down/],
    [{ availability: 'drain' }, /availability drain/],
    [{ availability: 'pause' }, /availability pause/],
  ] as const) {
    test(`a node on which no helper can run is an error: ${JSON.stringify(change)}`, async () => {
      const shop = openBackup();
      shop.world.swarm.addNode({ id: 'node-2', hostname: 'worker-2', ...change });
      shop.world.swarm.addTask({ serviceId: shop.service.id, nodeId: 'node-2' });
      await assert.rejects(shop.locate(), { code: 'node_unavailable', message: word });
      assert.deepEqual(shop.helpers, []);
    });
  }

  test('a service that is to be stopped must be one that can be', async () => {
    for (const mode of ['global', 'replicated-job', 'global-job'] as const) {
      await assert.rejects(openBackup({ mode }).locate(both, true), { code: 'unsupported_mode' });
    }
    const shop = openBackup({ mode: 'global' });
    shop.helpersSay(volumesOn({ 'node-1': both }));
    assert.equal((await shop.locate(both, false)).status, 'succeeded');
  });

  for (const words of ['get more: no such volume', 'volume more not found', 'etwas Neues']) {
    test(`a volume that is not there is told by the status, not by the words "${words}"`, async () => {
      const shop = openBackup({ replicas: 0 });
      shop.world.swarm.addNode({ id: 'node-2', hostname: 'worker-2' });
      shop.helpersSay(helper =>
        helper.nodeId === 'node-2'
          ? volumesOn({ 'node-2': both })(helper)
          : carryAsk(helper, text =>
              text === 'GET /volumes'
                ? { json: { Volumes: null } }
                : { status: 404, json: { message: words } },
            ),
      );
      const outcome = await shop.locate();
      assert.equal(outcome.status, 'succeeded', outcome.message);
      assert.deepEqual(
        outcome.volumes?.map(({ node, volume }) => `${volume} ${node}`),
        ['data worker-2', 'more worker-2'],
      );
    });
  }

  test('a cluster volume is refused, whoever says that it is one', async () => {
    const refused = { code: 'unsupported_volume', message: /Volume more is a cluster volume/ };
    const mounted = openBackup({ volumes: ['data'], mounts: [clusterMount('more')] });
    mounted.helpersSay(volumesOn({ 'node-1': both }));
    await assert.rejects(mounted.locate(), refused);
    assert.deepEqual(mounted.helpers, []);
    const known = openBackup({ replicas: 0 });
    known.helpersSay(volumesOn({ 'node-1': ['data'] }, ['more']));
    await assert.rejects(known.locate(), refused);
    assert.equal(known.context.located, undefined);
    // A volume of the node that an earlier backup left there under that name changes nothing.
    known.helpersSay(volumesOn({ 'node-1': both }, ['more']));
    await assert.rejects(known.locate(), refused);
    known.helpersSay(volumesOn({ 'node-1': both }, ['another']));
    assert.equal((await known.locate()).status, 'succeeded');
  });

  test('an Engine that fails says nothing about volumes', async () => {
    const shop = openBackup();
    const full = { status: 500, json: { message: 'no such volume plugin' } };
    shop.helpersSay(helper => carryAsk(helper, () => full));
    const outcome = await shop.locate();
    assert.deepEqual([outcome.status, outcome.error?.code], ['failed', 'helper_failed']);
    assert.match(
      outcome.message ?? '',
      /volumes of node node-1 can't be listed\. .* answers 500 for the volume data: no such/,
    );
  });

  test('an Engine that does not answer says nothing about volumes', async () => {
    const shop = openBackup();
    shop.helpersSay(helper => carryAsk(helper, () => ({ breaksOff: true })));
    const outcome = await shop.locate();
    assert.deepEqual([outcome.status, outcome.error?.code], ['failed', 'helper_failed']);
    assert.match(outcome.message ?? '', /error during connect/);
    shop.helpersSay(() => ({ hangs: true }));
    assert.equal((await shop.locate()).error?.code, 'timed_out');
  });

  test('archives of two nodes would be one where both have one name, or none that can be written', async () => {
    const shop = openBackup();
    const { swarm } = shop.world;
    swarm.addNode({ id: 'node-2', hostname: 'node-1' });
    swarm.addTask({ serviceId: shop.service.id, nodeId: 'node-2' });
    shop.helpersSay(volumesOn({ 'node-1': both, 'node-2': both }));
    await assert.rejects(shop.locate(), { code: 'rejected', message: /Two nodes are called node-1/ });
    swarm.addNode({ id: 'node-2', hostname: '../../shopping/x' });
    await assert.rejects(shop.locate(), { code: 'rejected', message: /can't be in the name/ });
  });
});
