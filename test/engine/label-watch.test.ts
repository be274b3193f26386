import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLabelWatch } from '../../src/engine/label-watch.ts';
import { createParsedTargets } from '../../src/engine/parsed-targets.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { createWorld } from './world.ts';

function setUp(intervalMs = 1_000_000) {
  const { swarm } = createWorld();
  const told: string[] = [];
  const watch = createLabelWatch({
    swarm,
    parsedTargets: createParsedTargets(),
    intervalMs,
    onFault: (target, fault) => told.push(`${target.name} ${fault.label} ${fault.value}`),
  });
  const { id } = swarm.addService({
    name: 'shop',
    labels: { 'swarm-utils.update.enable': 'yes', other: 'x' },
  });
  return { swarm, told, watch, id };
}

suite('the watch over labels', () => {
  test('tells each fault once, and again when it was mended and came back', async context => {
    const { swarm, told, watch, id } = setUp();
    context.after(watch.stop);
    const wrong = 'shop swarm-utils.update.enable yes';
    await watch.look();
    await watch.look();
    assert.deepEqual(told, [wrong]);
    swarm.changeService(id, { labels: { 'swarm-utils.update.enable': 'true' } });
    await watch.look();
    swarm.changeService(id, { labels: { 'swarm-utils.update.enable': 'yes' } });
    await watch.look();
    assert.deepEqual(told, [wrong, wrong]);
    swarm.changeService(id, {
      labels: { 'swarm-utils.update.enable': 'yes', 'swarm-utils.update.tokn': 'canary' },
    });
    await watch.look();
    assert.deepEqual(told.slice(2), ['shop swarm-utils.update.tokn [redacted]']);
  });

  test('tells the same fault of each service', async context => {
    const { swarm, told, watch } = setUp();
    context.after(watch.stop);
    swarm.addService({ name: 'blog', labels: { 'swarm-utils.update.enable': 'yes' } });
    await watch.look();
    assert.equal(told.length, 2);
  });

  test('tells the faults of nodes too', async context => {
    const { swarm, told, watch } = setUp();
    context.after(watch.stop);
    swarm.addNode({
      id: 'node-2',
      hostname: 'worker-1',
      labels: { 'swarm-utils.clean.enabel': 'x', zone: 'a' },
    });
    await watch.look();
    assert.deepEqual(told.slice(1), ['worker-1 swarm-utils.clean.enabel x']);
  });

  test('looks at intervals until it is stopped, also past a swarm that was away', async () => {
    const { swarm, told, watch } = setUp(5);
    swarm.fail('listServices', new SwarmError('unavailable', 'away'));
    await sleep(60);
    watch.stop();
    assert.equal(told.length, 1);
    const looks = swarm.callsOf('listServices').length;
    assert.ok(looks > 1);
    await sleep(20);
    assert.equal(swarm.callsOf('listServices').length, looks);
  });

  test('says by a look of its own when the swarm is away', async context => {
    const { swarm, watch } = setUp();
    context.after(watch.stop);
    swarm.fail('listServices', new SwarmError('unavailable', 'away'));
    await assert.rejects(watch.look(), { code: 'unavailable' });
  });
});
