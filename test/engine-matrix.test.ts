import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  type MatrixPart,
  type MatrixRow,
  matrixTable,
  partsOnAll,
  settingName,
  shortMatrix,
  wholeMatrix,
} from './engine-matrix.ts';

const root = join(import.meta.dirname, '..');
const files = globSync('test/{e2e,lab}/*.test.ts', { cwd: root }).sort();

const filesByName = (parts: readonly MatrixPart[]) =>
  Object.fromEntries(parts.map(part => [settingName(part.setting), part.files]));

describe('the matrix of Engines', () => {
  test('as a whole has every flavour, and helpers with an older and a newer client', () => {
    assert.deepEqual(Object.keys(filesByName(wholeMatrix(files))), [
      '20-graph',
      '26-graph',
      '26-containerd',
      '28-graph',
      '28-containerd',
      '28-containerd, client 20',
      '20-graph, client 28',
    ]);
  });

  test('as a whole runs all that depends on the Engine, and what depends on the client with other clients', () => {
    const parts = filesByName(wholeMatrix(files));
    for (const name of [
      'clean-node',
      'backup',
      'restore-choice',
      'verdicts-failures',
      'stack',
      'verdicts-hooks',
    ]) {
      assert.ok(parts['26-graph']?.includes(`test/e2e/${name}.test.ts`), name);
    }
    assert.ok(parts['28-graph']?.includes('test/lab/lab.test.ts'));
    assert.ok(
      !parts['28-graph']?.includes('test/e2e/replay.test.ts'),
      'webhooks are the same on every Engine',
    );
    assert.ok(parts['20-graph, client 28']?.includes('test/e2e/clean-node.test.ts'));
    assert.ok(!parts['20-graph, client 28']?.includes('test/e2e/backup.test.ts'));
  });

  test('in short has every other Engine, and every part of it has files', () => {
    const parts = filesByName(shortMatrix(files));
    assert.deepEqual(Object.keys(parts), ['20-graph', '26-graph', '28-graph', '28-containerd, client 20']);
    assert.ok(Object.values(parts).every(({ length }) => length > 0));
  });

  test('of files that are named has those on every flavour', () => {
    const parts = partsOnAll(['test/e2e/cron.test.ts']);
    assert.deepEqual(
      parts.map(part => [settingName(part.setting), ...part.files].join(' ')),
      ['20-graph', '26-graph', '26-containerd', '28-graph', '28-containerd'].map(
        name => `${name} test/e2e/cron.test.ts`,
      ),
    );
  });

  test('is a table that says what ran, and loudly what could not', () => {
    const row: MatrixRow = {
      setting: { flavour: { engine: '28', store: 'containerd' } },
      engine: 'Docker 28.5.2 (API 1.51)',
      files: 12,
      passed: 134,
      failed: 0,
      seconds: 61.6,
    };
    const rows: MatrixRow[] = [
      row,
      { ...row, setting: { ...row.setting, client: '20' }, files: 1, passed: 9, failed: 1, seconds: 7 },
      {
        ...{
          setting: { flavour: { engine: '26', store: 'graph' } },
          files: 12,
          passed: 0,
          failed: 0,
          seconds: 0,
        },
        missing: 'E: no mirror\nmore of it',
      },
    ];
    assert.equal(
      matrixTable(rows),
      [
        'flavour                   files  passed  failed  time  Engine',
        '28-containerd                12     134       0  62 s  Docker 28.5.2 (API 1.51)',
        '28-containerd, client 20      1       9       1   7 s  Docker 28.5.2 (API 1.51)',
        '26-graph                      -       -       -     -  NOT TESTED, could not be had: E: no mirror',
      ].join('\n'),
    );
  });
});
