import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { askEngine } from '../../../src/engine/node-engine/ask-engine.ts';
import {
  listContainers,
  listIdleContainers,
  readContainers,
  readIdleContainers,
} from '../../../src/engine/node-engine/containers.ts';
import type { Exchange } from '../../../src/engine/node-engine/conversation.ts';
import {
  measureImages,
  readImageBytes,
  readPruned,
  readReclaimableCache,
} from '../../../src/engine/node-engine/disk-usage.ts';
import { listImages, readImages } from '../../../src/engine/node-engine/images.ts';
import { readInspectedVolume, readVolumes } from '../../../src/engine/node-engine/volumes.ts';
import { connectEngine, type EngineReply, idOf } from '../fake-engine.ts';
import { createWorld } from '../world.ts';

/** What a conversation comes to in which the Engine answers so. */
async function exchangeOf(replies: readonly EngineReply[], apiVersion = '1.51'): Promise<Exchange> {
  const world = createWorld();
  const left = [...replies];
  connectEngine(world, () => left.shift() ?? {}, { apiVersion });
  const requests = replies.map(() => ({ method: 'GET', path: '/any' }) as const);
  const node = { id: 'node-1', hostname: 'worker-1' };
  const [exchange] = await askEngine(world, node, { nameOf: () => 'helper' }, [
    { requests, timeoutMs: 1000 },
  ]);
  return exchange ?? assert.fail();
}

const jsonOf = (...jsons: readonly unknown[]) => exchangeOf(jsons.map(json => ({ json })));
const unreadable = { code: 'helper_failed', message: /cannot be read, so nothing was done/ };

suite('the list of images', () => {
  test('has every image', () => {
    assert.equal(listImages.path, '/images/json?all=1');
  });

  test('is read as the graph driver of each release has it', async () => {
    const exchange = await jsonOf([
      {
        Id: idOf('a'),
        ParentId: '',
        RepoTags: ['shop:1', 'shop:2'],
        RepoDigests: [`shop@${idOf('d')}`],
        Created: 1704067200,
        Size: 5,
        Labels: null,
      },
      {
        Id: idOf('b'),
        ParentId: idOf('a'),
        RepoTags: null,
        RepoDigests: [`shop@${idOf('e')}`],
        Created: 1704067200,
        Size: 6,
      },
      {
        Id: idOf('c'),
        ParentId: '',
        RepoTags: ['<none>:<none>'],
        RepoDigests: ['<none>@<none>'],
        Created: 0,
        Size: 7,
      },
      { Id: idOf('d'), ParentId: '', RepoTags: [], RepoDigests: [], Created: -62135596800, Size: 8 },
    ]);
    const createdAtMs = 1704067200_000;
    assert.deepEqual(readImages(exchange, 0), [
      {
        id: idOf('a'),
        tags: ['shop:1', 'shop:2'],
        digests: [`shop@${idOf('d')}`],
        createdAtMs,
        sizeBytes: 5,
      },
      {
        id: idOf('b'),
        tags: [],
        digests: [`shop@${idOf('e')}`],
        createdAtMs,
        sizeBytes: 6,
        parentId: idOf('a'),
      },
      { id: idOf('c'), tags: [], digests: [], sizeBytes: 7 },
      { id: idOf('d'), tags: [], digests: [], sizeBytes: 8 },
    ]);
  });

  test("is read as containerd's store has it, with names that hold digests", async () => {
    const pinned = `r:5000/app:1@${idOf('a')}`;
    const exchange = await jsonOf([
      {
        Id: idOf('a'),
        RepoTags: [pinned, 'prod/app:1', 'prod/app:1'],
        RepoDigests: [`prod/app@${idOf('a')}`],
        Created: 1,
        Size: 1,
      },
      { Id: idOf('b'), RepoTags: null, RepoDigests: [idOf('b')], Created: 1, Size: 1 },
    ]);
    const images = readImages(exchange, 0).map(({ tags, digests }) => [tags, digests]);
    assert.deepEqual(images, [
      [[pinned, 'prod/app:1'], [`prod/app@${idOf('a')}`]],
      [[], []],
    ]);
  });

  test('that is no list is not guessed at', async () => {
    const good = { Id: idOf('a'), RepoTags: [], RepoDigests: [], Created: 1, Size: 1 };
    for (const json of [
      {},
      null,
      [{ ...good, Id: 'a' }],
      [{ ...good, Id: `${idOf('a')}/json` }],
      [{ ...good, RepoTags: 'shop:1' }],
      [{ ...good, RepoDigests: [1] }],
      [{ ...good, Created: '2024-01-01' }],
      [good, { ...good, Size: null }],
    ]) {
      const exchange = await jsonOf(json);
      assert.throws(() => readImages(exchange, 0), unreadable, JSON.stringify(json));
    }
  });
});

suite('the lists of containers', () => {
  const id = 'c'.repeat(64);

  test('are of all, and of those that do not run', () => {
    assert.equal(listContainers.path, '/containers/json?all=1');
    const query = decodeURIComponent(listIdleContainers.path);
    assert.equal(query, '/containers/json?all=1&size=1&filters={"status":["created","exited","dead"]}');
  });

  test('say of each that does not run what a clean must know', async () => {
    const exchange = await jsonOf([
      { Id: id, Names: ['/old', '/link/old'], Created: 1704067200, State: 'exited', SizeRw: 12, Labels: {} },
      {
        Id: id,
        Names: null,
        Created: 1704067200,
        State: 'created',
        Labels: {
          'swarm-utils.helper': 'owner',
          'com.docker.swarm.task.id': 't',
          'com.docker.swarm.service.id': 's',
        },
      },
      { Id: id, Names: [], Created: 1, State: 'dead', Labels: null },
    ]);
    const base = { id, createdAtMs: 1704067200_000, isHelper: false, isTask: false, hasNeverStarted: false };
    assert.deepEqual(readIdleContainers(exchange, 0), [
      { ...base, name: 'old', sizeBytes: 12 },
      {
        ...base,
        name: '',
        sizeBytes: 0,
        isHelper: true,
        isTask: true,
        hasNeverStarted: true,
        serviceId: 's',
      },
      { ...base, name: '', sizeBytes: 0, createdAtMs: 1000 },
    ]);
  });

  test('say of each container which images it needs, those that it mounts too', async () => {
    const exchange = await jsonOf([
      {
        Id: id,
        ImageID: idOf('a'),
        Mounts: [
          { Type: 'image', Name: 'tools:1' },
          { Type: 'volume', Name: 'v' },
        ],
      },
      { Id: id, ImageID: idOf('b'), Mounts: null },
    ]);
    assert.deepEqual(readContainers(exchange, 0), [
      { containerId: id, imageId: idOf('a'), mountedImages: ['tools:1'] },
      { containerId: id, imageId: idOf('b'), mountedImages: [] },
    ]);
  });

  test('that are no lists are not guessed at', async () => {
    const idle = { Id: id, Names: ['/x'], Created: 1, State: 'exited' };
    for (const json of [
      [{ ...idle, Id: '../images/x' }],
      [{ ...idle, State: 7 }],
      [{ ...idle, Labels: { a: 1 } }],
      'x',
    ]) {
      const exchange = await jsonOf(json);
      assert.throws(() => readIdleContainers(exchange, 0), unreadable, JSON.stringify(json));
    }
    const exchange = await jsonOf([{ Id: id, ImageID: '' }]);
    assert.throws(() => readContainers(exchange, 0), unreadable);
  });
});

suite('volumes', () => {
  const local = { Name: 'data', Driver: 'local', Scope: 'local', Options: null };
  const cluster = { Name: 'shared', Driver: 'csi', Scope: 'global', ClusterVolume: { ID: 'x' } };

  test('of the swarm are told from those of the node', async () => {
    const exchange = await jsonOf({
      Volumes: [local, cluster, { ...local, ClusterVolume: null }],
      Warnings: null,
    });
    assert.deepEqual(readVolumes(exchange, 0), [
      { name: 'data', isClusterVolume: false },
      { name: 'shared', isClusterVolume: true },
      { name: 'data', isClusterVolume: false },
    ]);
    assert.deepEqual(readVolumes(await jsonOf({ Volumes: null }), 0), []);
  });

  test('that are not there are told by the status, whatever the words', async () => {
    for (const message of ['get data: no such volume', 'volume data not found', '']) {
      const exchange = await exchangeOf([{ status: 404, json: { message } }]);
      assert.equal(readInspectedVolume(exchange, 0, 'data'), undefined);
    }
    const exchange = await exchangeOf([
      { json: cluster },
      { status: 500, json: { message: 'no such volume' } },
    ]);
    assert.equal(readInspectedVolume(exchange, 0, 'shared')?.isClusterVolume, true);
    assert.throws(() => readInspectedVolume(exchange, 1, 'data'), { name: 'EngineAskFailure' });
  });
});

suite('disk usage', () => {
  const graph = { DriverStatus: [['Backing Filesystem', 'extfs']] };
  const containerd = { DriverStatus: [['driver-type', 'io.containerd.snapshotter.v1']] };
  const bytesOf = async (info: object, usage: object, apiVersion?: string) =>
    readImageBytes(await exchangeOf([{ json: info }, { json: usage }], apiVersion));

  test('of images is asked for without that of volumes, where the Engine can', () => {
    assert.deepEqual(
      measureImages(5).requests.map(({ path }) => path),
      ['/info', '/system/df?type=image'],
    );
  });

  test('of images is read in both shapes', async () => {
    assert.equal(await bytesOf(graph, { LayersSize: 12, Images: [] }), 12);
    assert.equal(await bytesOf(graph, { Images: null }), 0);
    assert.equal(await bytesOf({ DriverStatus: null }, { ImageUsage: { TotalSize: 7 } }), 7);
    assert.equal(await bytesOf(graph, { ImageUsage: {} }), 0);
    assert.equal(await bytesOf(graph, { LayersSize: 5, ImageUsage: { TotalSize: 7 } }), 7);
    assert.equal(await bytesOf(graph, {}), undefined);
  });

  test("of containerd's store is not known before it counts what is compressed", async () => {
    assert.equal(await bytesOf(containerd, { LayersSize: 12 }, '1.45'), undefined);
    assert.equal(await bytesOf(graph, { LayersSize: 12 }, '1.45'), 12);
    assert.equal(await bytesOf(containerd, { LayersSize: 12 }, '1.50'), 12);
  });

  test('of the build cache is what nothing uses', async () => {
    const cache = [
      { InUse: false, Shared: false, Size: 5 },
      { InUse: true, Shared: false, Size: 50 },
      { InUse: false, Shared: true, Size: 500 },
      { Size: 7 },
    ];
    assert.equal(readReclaimableCache(await jsonOf({ BuildCache: cache })), 12);
    assert.equal(readReclaimableCache(await jsonOf({ BuildCache: null })), 0);
    assert.equal(readReclaimableCache(await jsonOf({ BuildCacheUsage: { Reclaimable: 9 } })), 9);
    assert.equal(readPruned(await jsonOf({ CachesDeleted: null, SpaceReclaimed: 3 })), 3);
    const exchange = await jsonOf({ SpaceReclaimed: -1 });
    assert.throws(() => readPruned(exchange), unreadable);
  });
});
