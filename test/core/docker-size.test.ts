import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatBytes } from '../../src/core/docker-size.ts';

suite('bytes for people', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [1_234_567, '1.235 MB'],
    [1_230_000_000, '1.23 GB'],
  ] as const) {
    test(`${bytes} is said as ${text}`, () => assert.equal(formatBytes(bytes), text));
  }
});
