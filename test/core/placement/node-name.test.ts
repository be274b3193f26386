import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { describeAmbiguity, findNamedNodes, type NamedNode } from '../../../src/core/placement/node-name.ts';

const node = (id: string, hostname: string, state = 'ready'): NamedNode => ({
  id,
  hostname,
  state,
  availability: 'active',
});
const idsOf = (nodes: readonly NamedNode[], name: string) => findNamedNodes(nodes, name).map(({ id }) => id);

suite('the name of a node', () => {
  test('is its host name or its id', () => {
    const nodes = [node('a', 'worker-1'), node('b', 'worker-2')];
    assert.deepEqual(idsOf(nodes, 'worker-2'), ['b']);
    assert.deepEqual(idsOf(nodes, 'b'), ['b']);
    assert.deepEqual(idsOf(nodes, 'worker'), []);
  });

  test('stands for the entry that is not down, where a machine left and joined again', () => {
    for (const state of ['ready', 'unknown', 'disconnected']) {
      const nodes = [
        node('old', 'worker-1', 'down'),
        node('older', 'worker-1', 'down'),
        node('new', 'worker-1', state),
      ];
      assert.deepEqual(idsOf(nodes, 'worker-1'), ['new']);
      assert.deepEqual(idsOf(nodes, 'old'), ['old']);
    }
  });

  test('stands for the one that is down, where there is no other', () => {
    assert.deepEqual(idsOf([node('a', 'worker-1', 'down')], 'worker-1'), ['a']);
  });

  test('can stand for several: of those that are not down, or that all are', () => {
    assert.deepEqual(idsOf([node('a', 'w'), node('b', 'w', 'down'), node('c', 'w', 'unknown')], 'w'), [
      'a',
      'c',
    ]);
    assert.deepEqual(idsOf([node('a', 'w', 'down'), node('b', 'w', 'down')], 'w'), ['a', 'b']);
  });

  test('is an id before it is a host name', () => {
    assert.deepEqual(idsOf([node('a', 'b'), node('b', 'a')], 'a'), ['a']);
  });
});

test('nodes of one name are named by ids and states, with what to do, however many there are', () => {
  const nodes = Array.from({ length: 7 }, (_, index) =>
    node(`id-${index}`, 'w', index === 0 ? 'unknown' : 'ready'),
  );
  assert.match(
    describeAmbiguity('w', nodes),
    /^7 nodes are called w: id-0 \(unknown, active\), id-1 \(ready, active\).* and 2 more\. Give the id .*docker node rm OLDID/,
  );
});
