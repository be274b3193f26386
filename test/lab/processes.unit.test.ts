import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseStat } from './processes.ts';

describe('a line of /proc/PID/stat', () => {
  const rest = 'S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20';

  test('names process, state and start time', () => {
    assert.deepEqual(parseStat(`42 (dockerd) ${rest}`), { pid: 42, state: 'S', startTime: '4711' });
  });

  test('is read right whatever the program is called', () => {
    assert.deepEqual(parseStat(`42 (a) b (c) ${rest}`), { pid: 42, state: 'S', startTime: '4711' });
  });

  test('that is no such line is none', () => {
    assert.equal(parseStat(''), undefined);
    assert.equal(parseStat('42 (half) S 1'), undefined);
  });
});
