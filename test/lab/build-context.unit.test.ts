import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { contextDigest, dockerIgnore } from './build-context.ts';

describe('a .dockerignore', () => {
  test('leaves out what its last matching pattern says', () => {
    const { ignores } = dockerIgnore('# a comment\nnode_modules\n*.md\n!README.md\n**/*.test.ts\n/docs/\n');
    assert.deepEqual(
      [
        'node_modules/a/b.js',
        'CHANGELOG.md',
        'README.md',
        'src/a.test.ts',
        'a.test.ts',
        'docs/a',
        'src/x.md',
      ].map(ignores),
      [true, true, false, true, true, true, false],
    );
  });

  test('may leave out all but some, names with a dot too', () => {
    const ignore = dockerIgnore('*\n!src\n!package*.json\n!.npmrc\n');
    assert.deepEqual(
      ['.git/config', 'test/a.ts', 'src/core/a.ts', 'package-lock.json', '.npmrc'].map(ignore.ignores),
      [true, true, false, false, false],
    );
    assert.ok(ignore.ignoresAllOf('.git'));
    assert.ok(!ignore.ignoresAllOf('src'));
  });

  test('looks into an ignored folder that an exception reaches into', () => {
    const ignore = dockerIgnore('test\n!test/fixtures/*.json\n');
    assert.ok(!ignore.ignoresAllOf('test'));
    assert.ok(!ignore.ignoresAllOf('test/fixtures'));
    assert.ok(ignore.ignoresAllOf('test/lab'));
    assert.ok(!ignore.ignores('test/fixtures/a.json'));
  });
});

describe('the digest of a build context', () => {
  test('changes with what a build reads and with nothing else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'swarm-utils-context-'));
    try {
      await mkdir(join(folder, 'src'));
      await writeFile(join(folder, '.dockerignore'), '*\n!src\n');
      await writeFile(join(folder, 'src/a.ts'), '1');
      const first = await contextDigest(folder);
      await writeFile(join(folder, 'notes.md'), 'x');
      assert.equal(await contextDigest(folder), first);
      await writeFile(join(folder, 'src/a.ts'), '2');
      assert.notEqual(await contextDigest(folder), first);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
