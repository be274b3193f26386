import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readSummary } from '../../../src/core/backup/restic-summary.ts';

const summary = '{"message_type":"summary","total_bytes_processed":5,"snapshot_id":"12345678"}';
const read = (...lines: readonly string[]) => readSummary([...lines, summary], '/backup/data');

describe('what restic made of a volume', () => {
  test('is a snapshot and its size', () => {
    assert.deepEqual(read(), { name: '12345678', sizeBytes: 5, vanished: [], unreadable: [] });
  });

  test('has the names of what went away and of what could not be read, each once', () => {
    const message = (error: object, item: string) => JSON.stringify({ error, item });
    const lines = [
      `vanished ${message({ message: 'lstat /backup/data/a: no such file or directory' }, '/backup/data/a')}`,
      `vanished ${message({ message: 'xattr.list /backup/data/a: no such file or directory' }, '/backup/data/a')}`,
      `vanished ${message({ Op: 'lstat', Err: 2 }, '/backup/data/s/b')}`,
      `unreadable ${message({ message: 'open /backup/data/c: permission denied' }, '/backup/data/c')}`,
      `unreadable ${message({}, '/elsewhere')}`,
      `marked ${'b'.repeat(64)}`,
    ];
    assert.deepEqual(read(...lines), {
      name: '12345678',
      sizeBytes: 5,
      vanished: ['a', 's/b'],
      unreadable: ['c (permission denied)', '/elsewhere'],
      marked: 'b'.repeat(64),
    });
  });

  test('passes over what is none of its lines', () => {
    for (const odd of [
      'vanished',
      'vanished {',
      'vanished null',
      'unreadable {"item":5}',
      'marked ../x',
      '{}',
    ]) {
      assert.deepEqual(read(odd), read(), odd);
    }
  });

  test('is nothing without a summary', () => {
    for (const last of ['', '{}', 'null', '[]', '{"snapshot_id":"../x","total_bytes_processed":1}']) {
      assert.equal(readSummary([last], '/backup/data'), undefined, last);
    }
  });
});
