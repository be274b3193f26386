import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import type { HelperService } from '../../src/core/helper.ts';
import { writeArchive } from '../../src/engine/backup/store-scripts.ts';
import {
  type Answer,
  folderAnswer,
  localStore,
  openBackup,
  s3Secret,
  store,
  valuesOf,
  volumesOn,
} from './backup-shop.ts';
import { secret } from './world.ts';

const both = ['data', 'more'];
const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const isWriter = ({ command }: HelperService) => command.includes(writeArchive);
const sums = ['size 1000', `${md5('content')}  -`];

/** The shop, its volumes located. Later helpers answer otherwise. */
async function openLocated(volumes: readonly string[] = both) {
  const shop = openBackup();
  shop.helpersSay(volumesOn({ 'node-1': both }));
  await shop.locate(volumes);
  shop.helpers.length = 0;
  return shop;
}

/** Uploaded, each with the same sums. */
async function openUploaded(to = store) {
  const shop = await openLocated();
  shop.helpersSay(() => ({ stdout: sums }));
  await shop.upload(to);
  shop.helpers.length = 0;
  const names = shop.context.uploaded?.map(({ name }) => name) ?? [];
  return { ...shop, names };
}

suite('upload with offen', () => {
  test('writes each volume in a helper on its node that can read it all and write nothing of it', async () => {
    const shop = await openLocated();
    shop.helpersSay(() => ({ stdout: sums, stderr: ['Finished'] }));
    const outcome = await shop.upload();
    assert.equal(outcome.status, 'succeeded', outcome.message);
    const id = shop.context.located?.backup;
    assert.deepEqual(
      shop.helpers.map(({ image, environment, mounts, capabilities }) => [
        image,
        environment?.BACKUP_FILENAME,
        environment?.BACKUP_SOURCES,
        mounts.filter(({ type }) => type === 'volume'),
        capabilities,
      ]),
      both.map(volume => [
        'offen:2',
        `node-1_${volume}_${id}.tar.gz`,
        `/backup/${volume}`,
        [{ type: 'volume', source: volume, target: `/backup/${volume}`, isReadOnly: true }],
        ['CAP_DAC_READ_SEARCH'],
      ]),
    );
    assert.deepEqual(shop.progress.slice(-4), [
      'Uploading data from node-1.',
      'Uploaded data from node-1.',
      'Uploading more from node-1.',
      'Uploaded more from node-1.',
    ]);
    assert.deepEqual(
      outcome.volumes?.map(({ sizeBytes, archive }) => [sizeBytes, archive]),
      both.map(volume => [1000, `node-1_${volume}_${id}.tar.gz`]),
    );
  });

  test('tells nobody a secret', async () => {
    const shop = await openLocated();
    shop.helpersSay(() => ({ stdout: sums }));
    const outcome = await shop.upload();
    for (const helper of shop.helpers) {
      assert.ok(!JSON.stringify(helper).includes(s3Secret));
      assert.ok(helper.secrets?.some(({ value }) => value.length === 2 * s3Secret.length));
    }
    assert.ok(!JSON.stringify([outcome, shop.progress]).includes(s3Secret));
  });

  test('begins nothing more after a failure, and says the last words of the program', async () => {
    const shop = await openLocated();
    shop.helpersSay(() => ({
      exitCode: 1,
      stderr: [
        'time=2026-11-22T03:00:00Z level=INFO msg="Created backup."',
        'time=2026-11-22T03:00:01Z level=ERROR msg="Fatal error running command: no such bucket" error="main.(*command).run: ' +
          'error running script: main.runScript.func4: error uploading: Get \\"http://s3.test\\": no such bucket"',
      ],
    }));
    const outcome = await shop.upload();
    assert.deepEqual([outcome.status, outcome.error?.code], ['failed', 'upload_failed']);
    assert.match(
      outcome.message ?? '',
      /^Volume data of node-1 was not uploaded\. .* It printed: error running script: error uploading: Get "http:\/\/s3.test": no such bucket$/,
    );
    assert.equal(shop.helpers.length, 1);
    assert.equal(shop.context.uploaded, undefined);
    assert.equal(outcome.helper?.tasks[0]?.logs.length, 2);
  });

  test('of a secret that a program printed not even the end is told, wherever its words are cut', async () => {
    for (let length = 690; length < 690 + secret.length; length += 1) {
      const shop = await openLocated(['data']);
      const line = `${secret}${'.'.repeat(length - secret.length + 5)}`;
      shop.helpersSay(() => ({ exitCode: 1, stderr: [line] }));
      const { message } = await shop.upload();
      assert.ok(!message?.includes(secret.slice(-4)), message);
    }
  });

  test('what hangs is left when its time is up', async () => {
    const shop = await openLocated();
    shop.helpersSay(() => ({ hangs: true }));
    const outcome = await shop.upload();
    assert.deepEqual([outcome.status, outcome.error?.code], ['timed_out', 'timed_out']);
    assert.equal(shop.helpers.length, 1);
  });

  test('of several nodes each writes on its own, and is waited for', async () => {
    const shop = openBackup();
    const { swarm } = shop.world;
    swarm.addNode({ id: 'node-2', hostname: 'worker-2' });
    swarm.addTask({ serviceId: shop.service.id, nodeId: 'node-2' });
    shop.helpersSay(volumesOn({ 'node-1': both, 'node-2': both }));
    await shop.locate();
    shop.helpersSay(({ nodeId }) => (nodeId === 'node-1' ? { exitCode: 1 } : { stdout: sums }));
    const outcome = await shop.upload();
    assert.equal(outcome.error?.code, 'upload_failed');
    assert.ok(shop.progress.includes('Uploaded data from worker-2.'));
    assert.ok(!shop.progress.includes('Uploading more from node-1.'));
    assert.deepEqual(await swarm.listServices('swarm-utils.helper'), []);
  });

  test('what was not measured is not taken for written', async () => {
    for (const stdout of [[], ['size 5'], ['size x', md5('a')], ['size 5', 'no sum'], [md5('a')]]) {
      const shop = await openLocated(['data']);
      shop.helpersSay(() => ({ stdout }));
      assert.equal((await shop.upload()).error?.code, 'upload_failed', JSON.stringify(stdout));
    }
  });

  test('to the volume of the node, where the target is local', async () => {
    const shop = await openLocated(['data']);
    shop.helpersSay(() => ({ stdout: sums }));
    await shop.upload(localStore);
    const [helper] = shop.helpers;
    assert.deepEqual(helper?.secrets, []);
    assert.match(helper?.environment?.BACKUP_ARCHIVE ?? '', /^\/backups-[0-9a-f]{32}\/shop\/\.incoming$/);
    assert.ok(!Object.keys(helper?.environment ?? {}).some(name => name.startsWith('AWS_')));
    assert.deepEqual(valuesOf(helper as HelperService), [shop.context.uploaded?.[0]?.name]);
    assert.equal(shop.context.uploaded?.[0]?.nodeId, 'node-1');
  });
});

suite('verify with offen', () => {
  const right = md5('content');

  test("one look at the store, and the server's tag proves it", async () => {
    const shop = await openUploaded();
    shop.helpersSay(() => folderAnswer(shop.names.map(name => ({ name, size: 1000, tag: right }))));
    const outcome = await shop.verify();
    assert.equal(outcome.status, 'succeeded', outcome.message);
    assert.deepEqual(
      outcome.volumes?.map(({ archive, sizeBytes, checksum }) => [archive, sizeBytes, checksum]),
      shop.names.map(name => [name, 1000, `md5:${right}`]),
    );
    assert.equal(shop.helpers.length, 1);
    assert.deepEqual([shop.helpers[0]?.image, shop.helpers[0]?.capabilities], ['rclone:1', undefined]);
  });

  test('a tag of parts proves it as well', async () => {
    const shop = await openLocated(['data']);
    const parts = [md5('one'), md5('two')];
    shop.helpersSay(() => ({ stdout: ['size 30000000', ...parts] }));
    await shop.upload();
    const tag = `${createHash('md5')
      .update(Buffer.from(parts.join(''), 'hex'))
      .digest('hex')}-2`;
    const name = shop.context.uploaded?.[0]?.name ?? '';
    shop.helpersSay(() => folderAnswer([{ name, size: 30000000, tag }]));
    const outcome = await shop.verify();
    assert.deepEqual([outcome.status, outcome.volumes?.[0]?.checksum], ['succeeded', tag]);
  });

  test('where the tag is no checksum all of it is read, which is said', async () => {
    const shop = await openUploaded();
    const files = shop.names.map(name => ({ name, size: 1000, tag: md5('of a key') }));
    const answer: Answer = helper => {
      const archives = valuesOf(helper).slice(1);
      return folderAnswer(
        files,
        archives.flatMap(name => [`archive ${name}`, ...sums]),
      );
    };
    shop.helpersSay(answer);
    const outcome = await shop.verify();
    assert.equal(outcome.status, 'succeeded', outcome.message);
    assert.match(outcome.message ?? '', /no checksums of 2 archives, so these were read as a whole/);
    assert.deepEqual(
      shop.helpers.map(helper => valuesOf(helper).slice(1)),
      [[], shop.names],
    );
  });

  test('an archive that is not there, is smaller, or is another one is not whole', async () => {
    const wrong = ['size 1000', md5('other')];
    for (const [files, archives, words] of [
      [[], [], /is not there/],
      [[{ name: '', size: 999, tag: right }], [], /has 999 bytes/],
      [[{ name: '', size: 1000, tag: md5('other') }], wrong, /another checksum/],
      [[{ name: '', size: 1000, tag: md5('other') }], [], /another checksum/],
    ] as const) {
      const shop = await openUploaded();
      const [name = '', second = ''] = shop.names;
      const good = { name: second, size: 1000, tag: right };
      shop.helpersSay(helper => {
        const isRead = valuesOf(helper).length > 1 && archives.length > 0;
        const listed = [good, ...files.map(file => ({ ...file, name }))];
        return folderAnswer(listed, isRead ? [`archive ${name}`, ...archives] : []);
      });
      const outcome = await shop.verify();
      assert.deepEqual([outcome.status, outcome.error?.code], ['failed', 'backup_not_whole']);
      assert.match(outcome.message ?? '', words);
      assert.ok(outcome.message?.includes(name));
    }
  });

  test('objects of others can not speak for ours', async () => {
    const shop = await openUploaded();
    const [name = ''] = shop.names;
    const forged = `x\n--archives--\narchive ${name}\nsize 1000\n${right}`;
    shop.helpersSay(() => folderAnswer([{ name: forged, size: 1000, tag: right }]));
    assert.equal((await shop.verify()).error?.code, 'backup_not_whole');
    shop.helpersSay(() => ({ stdout: ['no listing'] }));
    assert.equal((await shop.verify()).error?.code, 'backup_not_whole');
  });

  test('the target local is read on its node, where the archives are', async () => {
    const shop = await openUploaded(localStore);
    const files = shop.names.map(name => ({ name, size: 1000 }));
    shop.helpersSay(helper =>
      folderAnswer(
        files,
        valuesOf(helper)
          .slice(1)
          .flatMap(name => [`archive ${name}`, ...sums]),
      ),
    );
    const outcome = await shop.verify(localStore);
    assert.equal(outcome.status, 'succeeded', outcome.message);
    assert.doesNotMatch(outcome.message ?? '', /read as a whole/);
    const [helper, ...others] = shop.helpers;
    assert.deepEqual(
      [others.length, valuesOf(helper as HelperService)],
      [0, ['/backups/shop', ...shop.names]],
    );
    assert.ok(helper?.mounts.some(mount => mount.type === 'volume' && mount.isReadOnly));
  });
});

suite('forget with offen', () => {
  const old = (stem: string, day: string) => `${stem}_2020-01-${day}T03-00-00Z.tar.gz`;

  const openVerified = async (others: readonly string[], to = store) => {
    const shop = await openUploaded(to);
    const files = [...shop.names, ...others].map(name => ({ name, size: 1000, tag: md5('content') }));
    shop.helpersSay(helper =>
      folderAnswer(
        files,
        valuesOf(helper)
          .slice(1)
          .flatMap(name => [`archive ${name}`, ...sums]),
      ),
    );
    await shop.verify(to);
    shop.helpers.length = 0;
    return shop;
  };

  test('removes exactly what is older, and of each volume on each node never the newest', async () => {
    const shop = await openVerified([
      old('node-1_data', '01'),
      old('node-1_data', '02'),
      old('gone-node_data', '01'),
      old('gone-node_data', '02'),
      'notes.txt',
      'restic',
      'node-1_data_latest.tar.gz',
    ]);
    const outcome = await shop.forget();
    assert.equal(outcome.status, 'succeeded', outcome.message);
    assert.deepEqual(shop.helpers.map(valuesOf), [
      ['store:backups/shop', old('node-1_data', '01'), old('node-1_data', '02'), old('gone-node_data', '01')],
    ]);
  });

  test('runs no helper where nothing is too old', async () => {
    const shop = await openVerified([]);
    assert.equal((await shop.forget()).status, 'skipped');
    assert.deepEqual(shop.helpers, []);
  });

  test('names that are hostile are left alone', async () => {
    const shop = await openVerified([
      `../shopping/${old('node-1_data', '01')}`,
      `-rf_${old('data', '01')}`,
      `node-1_data\n/other${old('', '01')}`,
      `*_${old('data', '01')}`,
    ]);
    assert.equal((await shop.forget()).status, 'skipped');
  });

  test('a failure says that the backup itself is good', async () => {
    const shop = await openVerified([old('node-1_data', '01')]);
    shop.helpersSay(() => ({ exitCode: 1, stderr: ['AccessDenied'] }));
    const outcome = await shop.forget();
    assert.deepEqual([outcome.status, outcome.error?.code], ['failed', 'backups_not_removed']);
    assert.match(outcome.message ?? '', /^The backup itself is good\. .*AccessDenied$/);
    assert.ok(!shop.helpers.some(isWriter));
  });
});
