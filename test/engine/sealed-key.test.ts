import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { sealKey, unsealFunction } from '../../src/engine/backup/sealed-key.ts';

const keys = ['wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', '%s%%n\\101`$(id)`"\'', 'schlüssel ✓ ', 'a'];

suite('a sealed key', () => {
  test('is in neither of its halves, and has others each time', () => {
    for (const key of keys) {
      const hex = Buffer.from(key).toString('hex');
      const halves = [sealKey(key), sealKey(key)].flatMap(({ sealed, seal }) => [sealed, seal]);
      assert.ok(halves.every(half => half.length === hex.length));
      if (key.length > 8) {
        assert.equal(new Set([...halves, hex]).size, 5);
      }
    }
  });

  test('comes out of a POSIX shell as it went in', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'sealed-')), 'key');
    for (const key of keys) {
      const { sealed, seal } = sealKey(key);
      writeFileSync(file, sealed);
      const script = `${unsealFunction} unseal "$1" "$2"`;
      assert.equal(execFileSync('/bin/sh', ['-euc', script, 'sh', file, seal]).toString('utf8'), key);
    }
  });
});
