import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createJournal } from '../../src/engine/journal.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { createFakeSwarm } from '../fixtures/fake-swarm.ts';

const stopped = {
  serviceId: 'shop-id',
  serviceName: 'shop',
  replicas: 3,
  restoring: [{ nodeId: 'node-1', nodeName: 'one', volume: 'data' }],
  nodeIds: ['node-1'],
  deadNodeIds: ['node-2'],
};
const label = 'swarm-utils.journal';

suite('the journal', () => {
  test('keeps in the swarm what must be undone, and who did it, until it is undone', async () => {
    const swarm = createFakeSwarm();
    const journal = createJournal(swarm, 'me');
    const entry = await journal.open(stopped);
    assert.deepEqual(entry, { ...stopped, id: entry.id, owner: 'me' });
    assert.deepEqual(await createJournal(swarm, 'another').list(), [entry]);
    await journal.close(entry);
    assert.deepEqual(await journal.list(), []);
    // What is gone already is closed.
    await journal.close(entry);
  });

  test('has one entry for a service, whoever wants another', async () => {
    const swarm = createFakeSwarm();
    await createJournal(swarm, 'another').open(stopped);
    const journal = createJournal(swarm, 'me');
    await assert.rejects(journal.open({ ...stopped, replicas: 1 }), {
      name: 'OperationError',
      code: 'busy',
      message: /the Docker config swarm-utils-stopped-[0-9a-f]{32}\./,
    });
    await journal.open({ ...stopped, serviceId: 'blog-id' });
    const entries = await journal.list();
    assert.deepEqual(
      entries.map(({ serviceId, owner, replicas }) => [serviceId, owner, replicas]),
      [
        ['shop-id', 'another', 3],
        ['blog-id', 'me', 3],
      ],
    );
  });

  test('reads what an earlier version wrote', async () => {
    const swarm = createFakeSwarm();
    const journal = createJournal(swarm, 'me');
    await journal.open(stopped);
    const [config] = swarm.callsOf('createConfig')[0] ?? assert.fail();
    const { nodeIds: _, deadNodeIds: __, ...earlier } = stopped;
    await journal.close((await journal.list())[0] ?? assert.fail());
    await swarm.createConfig({ ...config, data: JSON.stringify(earlier) });
    const [entry] = await journal.list();
    assert.deepEqual([entry?.replicas, entry?.nodeIds, entry?.deadNodeIds], [3, [], []]);
  });

  test('says what else went wrong', async () => {
    const swarm = createFakeSwarm();
    swarm.fail('createConfig', new SwarmError('unavailable', 'no leader'));
    await assert.rejects(createJournal(swarm, 'me').open(stopped), { code: 'unavailable' });
  });

  test('writes nothing but what it knows', async () => {
    const swarm = createFakeSwarm();
    const place = { nodeId: 'n', nodeName: 'n', volume: 'v', password: 'canary' };
    await createJournal(swarm, 'me').open({ ...stopped, restoring: [place], ...{ token: 'canary' } });
    assert.doesNotMatch(JSON.stringify(swarm.callsOf('createConfig')), /canary/);
  });

  test('passes over what can not be read as an entry, and tells of it', async () => {
    const swarm = createFakeSwarm();
    const told: string[] = [];
    const journal = createJournal(swarm, 'me', ({ name }) => told.push(name));
    const { name = '' } = swarm.callsOf('createConfig').at(-1)?.[0] ?? {};
    assert.equal(name, '');
    const entry = await journal.open(stopped);
    const own = swarm.callsOf('createConfig').at(-1)?.[0].name ?? assert.fail();
    await journal.close(entry);
    const hostile: readonly (readonly [name: string, data: string])[] = [
      ['no-json', '{'],
      ['nothing', 'null'],
      // Of a service that the name does not stand for.
      ['another-name', JSON.stringify(stopped)],
      [own, JSON.stringify({ ...stopped, serviceId: 'blog-id' })],
      ['negative', JSON.stringify({ ...stopped, replicas: -1 })],
      ['part-of-one', JSON.stringify({ ...stopped, replicas: 1.5 })],
      ['too-many', JSON.stringify({ ...stopped, replicas: 1e9 })],
      ['more-fields', JSON.stringify({ ...stopped, image: 'evil' })],
      ['bad-place', JSON.stringify({ ...stopped, restoring: [{ nodeId: 'n', nodeName: 'n', volume: '' }] })],
      ['bad-nodes', JSON.stringify({ ...stopped, nodeIds: [1] })],
      ['no-places', JSON.stringify({ ...stopped, restoring: undefined })],
    ];
    for (const [configName, data] of hostile) {
      await swarm.createConfig({ name: configName, labels: { [label]: 'me' }, data });
    }
    assert.deepEqual(await journal.list(), []);
    assert.deepEqual(
      told,
      hostile.map(([configName]) => configName),
    );
  });

  test('does not know configs of others', async () => {
    const swarm = createFakeSwarm();
    await swarm.createConfig({ name: 'theirs', labels: {}, data: JSON.stringify(stopped) });
    assert.deepEqual(await createJournal(swarm, 'me').list(), []);
  });
});
