import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseTree, printTree, type Tree } from '../fixtures/json-tree.ts';
import { askEngine } from './raw-engine.ts';
import { openRestoreScene, type RestoreScene } from './restore-scene.ts';

/** Beyond 2^53, where JavaScript rounds; the last one is more than the Engine would take back. */
const hugeNumbers = {
  ulimits: '[{"Name":"fsize","Soft":9007199254740993,"Hard":9223372036854775807}]',
  limits: '{"MemoryBytes":1152921504606846977}',
};

describe('a service with numbers beyond 2^53', { timeout: 300_000 }, () => {
  let scene: RestoreScene;
  before(async () => {
    scene = await openRestoreScene();
    await scene.createBackedUp(
      'exact',
      { 'exact-data': '/data' },
      { labels: { 'swarm-utils.backup.engine': 'restic' } },
    );
    const text = await read();
    const { ID, Version } = JSON.parse(text);
    const limited = withMember(specOf(text), ['TaskTemplate', 'Resources', 'Limits'], hugeNumbers.limits);
    const spec = printTree(
      withMember(limited, ['TaskTemplate', 'ContainerSpec', 'Ulimits'], hugeNumbers.ulimits),
    );
    const { socketPath } = scene.lab.manager;
    const path = `/services/${ID}/update?version=${Version.Index}`;
    const { status, body } = await askEngine(socketPath, 'POST', path, spec);
    assert.equal(status, 200, String(body));
    const { status: updated, text: why } = await scene.update('exact', { image: scene.lab.images.app['2'] });
    assert.equal(updated, 200, why);
  });
  after(() => scene.close());

  const read = async () =>
    String((await askEngine(scene.lab.manager.socketPath, 'GET', '/services/exact')).body);
  const spec = async () => printTree(specOf(await read()));

  test('has them in its spec', async () => {
    const text = await spec();
    assert.ok(text.includes('"Soft":9007199254740993'), text);
    assert.ok(text.includes('"Hard":9223372036854775807'), text);
    assert.ok(text.includes('"MemoryBytes":1152921504606846977'), text);
  });

  test('keeps each digit in an update', async () => {
    const { app } = scene.lab.images;
    const earlier = await spec();
    const { status, text } = await scene.update('exact', { image: app['3'] });
    assert.equal(status, 200, text);
    const [from, to] = await Promise.all([scene.pinned(app['2']), scene.pinned(app['3'])]);
    assert.equal(await spec(), earlier.replace(from, to));
  });

  test('keeps each digit where it is stopped for a backup', async () => {
    const earlier = await spec();
    const { status, text } = await scene.backUp('exact');
    assert.equal(status, 200, text);
    assert.equal(await spec(), earlier);
  });
});

function specOf(text: string): Tree {
  const service = parseTree(text);
  assert.ok('object' in service, text);
  return service.object.find(([key]) => key === 'Spec')?.[1] ?? assert.fail(text);
}

/** The tree with another value at a path. */
function withMember(tree: Tree, [key = '', ...rest]: readonly string[], value: string): Tree {
  const members = 'object' in tree ? tree.object : [];
  const before = members.find(([name]) => name === key)?.[1] ?? { object: [] };
  const changed = rest.length === 0 ? parseTree(value) : withMember(before, rest, value);
  return { object: [...members.filter(([name]) => name !== key), [key, changed]] };
}
