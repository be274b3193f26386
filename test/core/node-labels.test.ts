import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nodeLabelDefinitions } from '../../src/core/node-label-definitions.ts';
import { parseNodeLabels } from '../../src/core/node-labels.ts';
import { PlainToken } from '../../src/core/plain-token.ts';

const parse = (labels: Readonly<Record<string, string>>) =>
  parseNodeLabels(
    Object.fromEntries(Object.entries(labels).map(([key, value]) => [`swarm-utils.${key}`, value])),
  );

const every = {
  'clean.enable': 'false',
  'clean.token': 'node-token',
  'clean.container.enable': 'false',
  'clean.container.timeout': '1',
  'clean.container.min-age': '0',
  'clean.image.enable': 'true',
  'clean.image.timeout': '2_000',
  'clean.image.min-age': '3_600_000',
  'clean.image.keep': 'alpine, ghcr.io/acme/*:v*',
  'clean.builder.enable': 'false',
  'clean.builder.timeout': '3',
  'clean.builder.min-age': '31536000000',
  'clean.container.created-min-age': '86_400_000',
  'clean.exec': 'journalctl --vacuum-time=7d',
  'clean.exec.shell': '/bin/ash',
  'clean.exec.timeout': '4',
};

suite('the labels of a node', () => {
  test('are all here, and no others are defined', () => {
    assert.deepEqual(Object.keys(every).sort(), [...nodeLabelDefinitions.keys()].sort());
  });

  test('are read', () => {
    const { clean, faults } = parse(every);
    assert.deepEqual(faults, []);
    assert.equal(clean.isEnabled, false);
    assert.equal(clean.token && new PlainToken('node-token').matches(clean.token), true);
    assert.deepEqual(clean.parts, {
      container: { isEnabled: false, timeoutMs: 1, minAgeMs: 0 },
      image: { isEnabled: true, timeoutMs: 2000, minAgeMs: 3_600_000 },
      builder: { isEnabled: false, timeoutMs: 3, minAgeMs: 31_536_000_000 },
    });
    assert.equal(clean.createdMinAgeMs, 86_400_000);
    assert.equal(clean.keep.length, 2);
    assert.deepEqual(clean.exec, {
      script: 'journalctl --vacuum-time=7d',
      shell: '/bin/ash',
      timeoutMs: 4,
    });
  });

  test('have their defaults: a node is cleaned unless it says otherwise', () => {
    const part = { isEnabled: true };
    assert.deepEqual(parse({}), {
      clean: {
        isEnabled: true,
        grants: [],
        parts: { container: part, image: part, builder: part },
        keep: [],
        faults: [],
      },
      faults: [],
    });
  });

  test('of others are none of our business', () => {
    assert.deepEqual(
      parseNodeLabels({ zone: 'a', 'swarm-utils': 'x', 'x.swarm-utils.clean.enable': 'no' }).faults,
      [],
    );
  });

  for (const [key, value] of [
    ['clean.enable', 'yes'],
    ['clean.token', ' '],
    ['clean.image.timeout', '0'],
    ['clean.image.timeout', '1s'],
    ['clean.image.min-age', '-1'],
    ['clean.container.min-age', '31536000001'],
    ['clean.container.created-min-age', 'off'],
    ['clean.image.keep', 'UPPER/case'],
    ['clean.image.keep', ''],
    ['clean.tokne', 'canary'],
    ['clean.image.keep-pattern', 'x'],
    ['clean.github.repository', 'acme/shop'],
    ['clean.exec', ' '],
    ['clean.exec.timeout', '0'],
    ['clean.exec.shell', ''],
    ['clean.exec.parallel', 'true'],
    ['clen.enable', 'true'],
    ['', 'x'],
  ] as const) {
    test(`swarm-utils.${key}=${value} is a fault, and stops the clean`, () => {
      const { faults, clean } = parse({ [key]: value });
      assert.equal(faults.length, 1);
      assert.equal(faults[0]?.label, `swarm-utils.${key}`);
      assert.deepEqual(clean.faults, faults);
    });
  }

  test('of another action are faults that do not stop a clean', () => {
    const { faults, clean } = parse({ 'backup.enable': 'true' });
    assert.equal(faults.length, 1);
    assert.deepEqual(clean.faults, []);
  });

  test('secrets are not shown, misspelt ones neither', () => {
    const { faults } = parse({
      'clean.tokne': 'canary-1',
      'clean.token': 'sha256:canary-2',
      'clean.exec': ' \n',
      'clean.exce': 'login canary-3',
    });
    assert.deepEqual(
      faults.map(({ value }) => value),
      Array.from({ length: 4 }, () => '[redacted]'),
    );
    assert.match(
      parse({ 'clean.imag.keep': 'x' }).faults[0]?.message ?? '',
      /did you mean swarm-utils.clean.image.keep/,
    );
  });
});
