import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type EngineNode, engineWarnings } from '../../../src/core/node/engine-warnings.ts';

/** The codes of each node's warnings. */
function codes(
  ...versions: readonly (string | undefined | Partial<EngineNode>)[]
): readonly (readonly string[])[] {
  const nodes = versions.map((version, index): EngineNode => {
    const change = typeof version === 'object' ? version : version && { engineVersion: version };
    return { id: String(index), state: 'ready', ...change };
  });
  const warnings = engineWarnings(nodes);
  return nodes.map(({ id }) => (warnings.get(id) ?? []).map(({ code }) => code));
}

suite('the Engines of nodes', () => {
  test('are as they should be where all are of one release, whoever built them', () => {
    assert.deepEqual(codes('28.5.2', '28.5.2+dfsg4', '28.5.1-rc.1'), [[], [], []]);
    assert.deepEqual(codes('20.10.24+dfsg1'), [[]]);
  });

  test('differ where one is older than the newest that is not down', () => {
    assert.deepEqual(codes('28.5.2', '26.1.5'), [[], ['engine_versions_differ']]);
    assert.deepEqual(codes('28.5.2', '28.4.0'), [[], ['engine_versions_differ']]);
    assert.deepEqual(codes('26.1.5', { engineVersion: '28.5.2', state: 'down' }), [[], []]);
    assert.match(
      engineWarnings([
        { id: 'a', state: 'ready', engineVersion: '26.1.5' },
        { id: 'b', state: 'ready', engineVersion: '28.5.2' },
      ]).get('a')?.[0]?.message ?? '',
      /Docker 26\.1\.5, and the newest one of the swarm 28\.5\.2/,
    );
  });

  test('are too old before 20.10', () => {
    assert.deepEqual(codes('19.03.15'), [['engine_too_old']]);
    assert.deepEqual(codes('20.10.0', '20.9.9'), [[], ['engine_too_old', 'engine_versions_differ']]);
  });

  test('of 29.6 refuse images that are in no registry', () => {
    assert.deepEqual(codes('29.6.0', '29.6.3'), [['local_images_refused'], ['local_images_refused']]);
    assert.deepEqual(codes('29.5.1'), [[]]);
    assert.deepEqual(codes('29.7.0'), [[]]);
  });

  test('of which nothing is known, or nothing that can be read, are passed over', () => {
    assert.deepEqual(codes(undefined, '', 'dev', 'library-import', '28', '99999999999.1', '28.5.2'), [
      [],
      [],
      [],
      [],
      [],
      [],
      [],
    ]);
  });
});
