import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { serviceLabelDefinitions } from '../../src/core/label-definitions.ts';
import { parseServiceLabels } from '../../src/core/labels.ts';

const longest = 100_000;

suite('no value takes long to read, whatever it is', () => {
  const units = [
    'a',
    'a/',
    'a,',
    ',',
    '/',
    '-',
    'a-',
    '.',
    '_',
    '1',
    '1_',
    'refs/heads/',
    '*',
    '{',
    '{a}',
    '{sha}',
    ' ',
    '\n',
    '@',
    ':',
    'a:',
  ];
  for (const definition of serviceLabelDefinitions.values()) {
    test(definition.key, () => {
      for (const unit of units) {
        const text = unit.repeat(longest / unit.length);
        for (const value of [text, `${text}!`, `refs/heads/${text}\n`, `acme/${text}*!`]) {
          const start = performance.now();
          definition.value.read(value);
          const durationMs = performance.now() - start;
          assert.ok(durationMs < 250, `${JSON.stringify(unit)}: ${durationMs} ms`);
        }
      }
    });
  }

  test('nor do unknown keys', () => {
    const labels = Object.fromEntries(units.map(unit => [`swarm-utils.${unit.repeat(1000)}`, 'x']));
    const start = performance.now();
    assert.ok(parseServiceLabels(labels).faults.length > 10);
    assert.ok(performance.now() - start < 250);
  });
});

test('every definition says in one sentence what it is and what it expects', () => {
  for (const { key, description, value } of serviceLabelDefinitions.values()) {
    assert.match(description, /^[A-Z*`'“].*\.$/, key);
    assert.notEqual(value.expects, '', key);
  }
});
