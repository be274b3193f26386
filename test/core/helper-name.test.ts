import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { helperName } from '../../src/core/helper-name.ts';

// swarmkit, manager/controlapi/common.go: isValidDNSName, and the limit of 63 characters.
const SWARM_NAME = /^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$/;
const names = [
  'shop',
  'acme_shop',
  'a'.repeat(63),
  `${'stack'.repeat(6)}_${'service'.repeat(4)}`,
  'a-',
  '----',
  '_',
  'x.y.z',
  'naïve',
  '服务',
  '🔑',
  '',
  '$(id)',
  'a b;c',
  `${'a'.repeat(25)}${'-'.repeat(30)}b`,
  '-'.repeat(100_000),
];

suite('names of helper services', () => {
  test('are ones that the swarm takes, whatever the target is called', () => {
    for (const step of ['exec', 'exec-pre', 'exec-post']) {
      for (const name of names) {
        const made = helperName(step, { id: 'x', name }, '1');
        assert.ok(made.length <= 63, `${made.length}: ${made}`);
        assert.match(made, SWARM_NAME);
        assert.ok(made.startsWith(`swarm-utils-${step}-`));
      }
    }
  });

  test('are the same for the same step on the same place, so that the swarm refuses a second one', () => {
    assert.equal(
      helperName('exec', { id: 'i', name: 'shop' }, '1'),
      helperName('exec', { id: 'i', name: 'shop' }, '1'),
    );
  });

  test('differ by step, target and place, also where the readable part is cut alike', () => {
    const long = 'a'.repeat(60);
    const made = ['exec-pre', 'exec-post'].flatMap(step =>
      ['id-1', 'id-2'].flatMap(id =>
        ['1', '2', '11', 'node'].map(place => helperName(step, { id, name: long }, place)),
      ),
    );
    assert.equal(new Set(made).size, 16);
    // Parts can not flow into one another.
    assert.notEqual(
      helperName('exec', { id: 'a', name: 'x' }, '12'),
      helperName('exec', { id: 'a\n1', name: 'x' }, '2'),
    );
  });

  test('name the target where there is room', () => {
    assert.match(
      helperName('exec-pre', { id: 'i', name: 'acme_shop' }, '1'),
      /^swarm-utils-exec-pre-acme_shop-[0-9a-f]{10}$/,
    );
    assert.match(
      helperName('exec-pre', { id: 'i', name: '---' }, '1'),
      /^swarm-utils-exec-pre-[0-9a-f]{10}$/,
    );
  });
});
