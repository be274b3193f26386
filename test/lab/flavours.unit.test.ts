import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  engineOrigin,
  flavourName,
  flavourOfName,
  flavourSettings,
  flavours,
  mainFlavours,
  parseFlavour,
} from './flavours.ts';

describe('the flavours of a lab', () => {
  test('are every Engine with every store that it has', () => {
    assert.deepEqual(flavours.map(flavourName), [
      '20-graph',
      '26-graph',
      '26-containerd',
      '28-graph',
      '28-containerd',
    ]);
  });

  test('have as their main one what new users have', () => {
    assert.deepEqual(mainFlavours.map(flavourName), ['28-containerd', '26-containerd']);
  });

  test('come from a release of Debian each', () => {
    assert.deepEqual(
      flavours.map(({ engine }) => engineOrigin(engine).suite),
      ['bookworm', 'trixie', 'trixie', 'testing', 'testing'],
    );
    for (const { engine } of flavours) {
      assert.ok(engineOrigin(engine).packages.includes('docker.io'));
    }
  });

  test('are named by an Engine, a store or both', () => {
    const names = [
      [undefined, undefined],
      ['28', undefined],
      ['26', undefined],
      ['20', undefined],
      ['28', 'graph'],
      ['26', 'containerd'],
      [undefined, 'graph'],
    ] as const;
    assert.deepEqual(
      names.map(([engine, store]) => flavourName(parseFlavour(engine, store))),
      ['28-containerd', '28-containerd', '26-graph', '20-graph', '28-graph', '26-containerd', '28-graph'],
    );
  });

  test('are read from their names', () => {
    for (const flavour of flavours) {
      assert.deepEqual(flavourOfName(flavourName(flavour)), flavour);
    }
    assert.deepEqual(flavourOfName('26'), { engine: '26', store: 'graph' });
    for (const name of ['', '28-', '28-graph-', 'graph', '20-containerd', '28 graph']) {
      assert.throws(() => flavourOfName(name), { code: 'bad-argument' }, name);
    }
  });

  test('refuse what there is not, and say what there is', () => {
    const refused = (engine: string | undefined, store: string | undefined, message: RegExp) =>
      assert.throws(() => parseFlavour(engine, store), { code: 'bad-argument', message });
    refused('27', undefined, /20, 26, 28, not 27/);
    refused('', undefined, /20, 26, 28/);
    refused('28', 'overlay2', /graph, containerd, not overlay2/);
    refused('20', 'containerd', /Engine 20 has no image store of containerd's: take 26 or 28/);
  });

  test('name the store in the daemon’s configuration, whatever its default is', () => {
    assert.deepEqual(flavourSettings({ engine: '20', store: 'graph' }), {});
    assert.deepEqual(flavourSettings({ engine: '28', store: 'graph' }), {
      features: { 'containerd-snapshotter': false },
    });
    assert.deepEqual(flavourSettings({ engine: '26', store: 'containerd' }), {
      features: { 'containerd-snapshotter': true },
    });
  });
});
