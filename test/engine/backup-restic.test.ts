import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { openBackup, resticStore, valuesOf, volumesOn } from './backup-shop.ts';

const both = ['data', 'more'];
const ids = ['a'.repeat(64), 'b'.repeat(64)];
const local = { ...resticStore, target: { kind: 'local' } } as const;

const snapshot = (index: number, volume: string, backup: string, tags: readonly string[] = []) => ({
  id: ids[index],
  hostname: 'node-1',
  tags: ['service=shop', `volume=${volume}`, `backup=${backup}`, ...tags],
});

async function openUploaded(to: typeof resticStore = resticStore) {
  const shop = openBackup();
  shop.helpersSay(volumesOn({ 'node-1': both }));
  await shop.locate();
  shop.helpers.length = 0;
  shop.helpersSay(helper => ({
    stdout: [
      JSON.stringify({
        message_type: 'summary',
        snapshot_id: `${valuesOf(helper)[0] === 'data' ? 'a' : 'b'}`.repeat(8),
        total_bytes_processed: 4000,
      }),
    ],
  }));
  const uploaded = await shop.upload(to);
  const writers = [...shop.helpers];
  shop.helpers.length = 0;
  const id = shop.context.located?.backup ?? '';
  return { ...shop, uploaded, writers, id };
}

suite('backup with restic', () => {
  test('writes snapshots with host and tags, one after the other', async () => {
    const { uploaded, writers, id } = await openUploaded();
    assert.equal(uploaded.status, 'succeeded', uploaded.message);
    assert.deepEqual(writers.map(valuesOf), [
      ['data', 'node-1', 'shop', id],
      ['more', 'node-1', 'shop', id],
    ]);
    for (const { secrets, environment, mounts, ...helper } of writers) {
      assert.ok(!JSON.stringify([helper, environment]).includes('password-of-the-shop'));
      assert.ok(secrets?.some(({ value }) => value === 'password-of-the-shop\n'));
      assert.ok(mounts.some(mount => mount.type === 'volume' && mount.isReadOnly));
    }
  });

  test('passes over what a link that somebody puts into a volume meanwhile leads to', async () => {
    const { writers } = await openUploaded();
    assert.ok(writers.every(({ command }) => command[2]?.includes(' backup --one-file-system ')));
  });

  test('writes each node into its own, where every node has one', async () => {
    const shop = openBackup();
    const { swarm } = shop.world;
    swarm.addNode({ id: 'node-2', hostname: 'worker-2' });
    swarm.addTask({ serviceId: shop.service.id, nodeId: 'node-2' });
    shop.helpersSay(volumesOn({ 'node-1': both, 'node-2': both }));
    await shop.locate();
    shop.helpers.length = 0;
    const summary = JSON.stringify({ snapshot_id: 'a'.repeat(64), total_bytes_processed: 1 });
    shop.helpersSay(() => ({ stdout: [summary] }));
    await shop.upload(local);
    assert.deepEqual(
      shop.helpers.map(helper => [helper.nodeId, valuesOf(helper)[0]]),
      [
        ['node-1', 'data'],
        ['node-2', 'data'],
        ['node-1', 'more'],
        ['node-2', 'more'],
      ],
    );
  });

  test('what restic does not sum up is not taken for written', async () => {
    for (const stdout of [[], ['{}'], ['nonsense'], ['{"snapshot_id":"../x","total_bytes_processed":1}']]) {
      const shop = openBackup();
      shop.helpersSay(volumesOn({ 'node-1': both }));
      await shop.locate();
      shop.helpersSay(() => ({ stdout }));
      assert.equal((await shop.upload(resticStore)).error?.code, 'upload_failed');
    }
  });

  test('what could not be read fails it, and is named; the snapshot is kept', async () => {
    const summary = '{"message_type":"summary","snapshot_id":"12345678","total_bytes_processed":1}';
    const unreadable = (name: string) =>
      `unreadable {"error":{"message":"open /backup/data/${name}: permission denied"},"item":"/backup/data/${name}"}`;
    const names = Array.from({ length: 12 }, (_, index) => `file-${index}`);
    for (const [marked, words] of [
      [[`marked ${'b'.repeat(64)}`], /snapshot bbbbbbbb has the rest.*by this name only/],
      [[], /was removed, for it could not be marked/],
    ] as const) {
      const shop = openBackup();
      shop.helpersSay(volumesOn({ 'node-1': both }));
      await shop.locate(['data']);
      shop.helpersSay(() => ({ exitCode: 3, stdout: [...names.map(unreadable), ...marked, summary] }));
      const { status, error, message = '' } = await shop.upload(resticStore);
      assert.deepEqual([status, error?.code], ['failed', 'backup_not_whole']);
      assert.match(
        message,
        /12 files or folders: file-0 \(permission denied\), .* and 2 more, could not be read/,
      );
      assert.match(message, words);
    }
  });

  test('a check that takes too long says so, and nothing of the backup', async () => {
    const shop = await openUploaded();
    shop.helpersSay(() => ({
      exitCode: 98,
      stdout: ['[{"paths":["/backup/data'],
      stderr: ['Fatal: context canceled'],
    }));
    const outcome = await shop.verify(resticStore);
    assert.deepEqual([outcome.status, outcome.error?.code], ['timed_out', 'timed_out']);
    assert.match(
      outcome.error?.message ?? '',
      /^The backup is written, and was not checked to the end\. .* time-out of 60000 ms\..*backup\.verify\.timeout/,
    );
    assert.doesNotMatch(outcome.error?.message ?? '', /not whole|paths/);
    assert.equal(shop.context.kept, undefined);
  });

  test('the check is as deep as it is told', async () => {
    for (const depth of ['snapshot', 'repository', 'data'] as const) {
      const shop = await openUploaded();
      shop.helpersSay(() => ({
        stdout: [JSON.stringify([snapshot(0, 'data', shop.id), snapshot(1, 'more', shop.id)])],
      }));
      assert.equal((await shop.verify(resticStore, depth)).status, 'succeeded');
      assert.deepEqual(shop.helpers.map(valuesOf), [['shop', depth, 'a'.repeat(8), 'b'.repeat(8)]]);
    }
  });

  test('the repository is checked, and has the snapshots', async () => {
    const shop = await openUploaded();
    shop.helpersSay(() => ({
      stdout: [JSON.stringify([snapshot(0, 'data', shop.id), snapshot(1, 'more', shop.id)])],
    }));
    const outcome = await shop.verify(resticStore);
    assert.equal(outcome.status, 'succeeded', outcome.message);
    assert.deepEqual(
      outcome.volumes?.map(({ archive, sizeBytes }) => [archive, sizeBytes]),
      ids.map(id => [id, 4000]),
    );
    assert.equal(shop.helpers.length, 1);
  });

  test('a snapshot that is missing, or another one in its place, fails it', async () => {
    const shop = await openUploaded();
    const { id } = shop;
    const more = snapshot(1, 'more', id);
    for (const listed of [
      null,
      [more],
      [more, snapshot(0, 'data', '2020-01-01T03-00-00Z')],
      [more, snapshot(0, 'other', id)],
      [more, { ...snapshot(0, 'data', id), hostname: 'another' }],
      [more, { ...snapshot(0, 'data', id), id: 'c'.repeat(64) }],
      [more, { ...snapshot(0, 'data', id), tags: [] }],
    ]) {
      shop.helpersSay(() => ({ stdout: [JSON.stringify(listed)] }));
      const outcome = await shop.verify(resticStore);
      assert.deepEqual(
        [outcome.status, outcome.error?.code],
        ['failed', 'backup_not_whole'],
        JSON.stringify(listed),
      );
    }
    shop.helpersSay(() => ({ exitCode: 1, stderr: ['Fatal: repository contains errors'] }));
    assert.match((await shop.verify(resticStore)).message ?? '', /repository contains errors/);
  });

  test('forgets snapshots of this service that are too old, by their ids', async () => {
    const shop = await openUploaded();
    const oldIds = ['c', 'd', 'e', 'f', '0'].map(digit => digit.repeat(64));
    const old = (index: number, service: string, host: string, day: string) => ({
      id: oldIds[index],
      hostname: host,
      tags: [`service=${service}`, 'volume=data', `backup=2020-01-${day}T03-00-00Z`],
    });
    const listed = [
      snapshot(0, 'data', shop.id),
      snapshot(1, 'more', shop.id),
      old(0, 'shop', 'node-1', '01'),
      old(1, 'shopping', 'node-1', '01'),
      old(2, 'shop', 'gone-node', '01'),
      old(3, 'shop', 'gone-node', '02'),
      { id: oldIds[4], hostname: 'node-1', tags: ['made by hand'] },
    ];
    shop.helpersSay(() => ({ stdout: [JSON.stringify(listed)] }));
    await shop.verify(resticStore);
    shop.helpers.length = 0;
    assert.equal((await shop.forget(resticStore)).status, 'succeeded');
    assert.deepEqual(shop.helpers.map(valuesOf), [[oldIds[0], oldIds[2]]]);
  });
});
