import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { beginUnpacking, endUnpacking } from '../../src/engine/backup/restore-folder.ts';

/** Unpacks a volume that is called as the folder of a container's secrets is, while somebody else writes it. */
function unpackSecrets(before: 'mv' | 'sync') {
  const root = mkdtempSync(join(tmpdir(), 'unpacking-'));
  const [volume, run, bin] = ['volume', 'run', 'bin'].map(name => join(root, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(join(run, 'secrets'), { recursive: true });
  writeFileSync(join(run, 'secrets', 'key'), 'of all backups');
  mkdirSync(volume);
  mkdirSync(bin);
  const swap = `#!/bin/sh
PATH=/usr/bin:/bin
(cd "${volume}/.swarm-utils-restore/unpack" && [ ! -e moved ] && mv backup moved && ln -s "${run}" backup) 2>/dev/null
exec ${before} "$@"
`;
  writeFileSync(join(bin, before), swap);
  chmodSync(join(bin, before), 0o755);
  const unpack = `${beginUnpacking}
mkdir -p "backup/$1"
echo rows >"backup/$1/rows"
${endUnpacking}`;
  const { status, stderr } = spawnSync('/bin/sh', ['-euc', unpack, 'sh', 'secrets', volume], {
    env: { PATH: `${bin}:/usr/bin:/bin` },
    encoding: 'utf8',
  });
  const home = join(volume, '.swarm-utils-restore');
  return { status, stderr, home, run };
}

suite('a volume that somebody writes while it is unpacked into', () => {
  for (const before of ['mv', 'sync'] as const) {
    test(`gets what was unpacked and no secret of the helper, where a link is made before ${before}`, () => {
      const { status, stderr, home, run } = unpackSecrets(before);
      assert.equal(status, 0, stderr);
      assert.equal(readFileSync(join(home, 'new', 'rows'), 'utf8'), 'rows\n');
      assert.ok(!existsSync(join(home, 'new', 'key')));
      assert.ok(existsSync(join(run, 'secrets', 'key')));
    });
  }
});
