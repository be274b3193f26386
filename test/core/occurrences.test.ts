import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { occurrencesBetween } from '../../src/core/occurrences.ts';
import { parseSchedule } from '../../src/core/schedule.ts';

function between(expression: string, after: string, until: string) {
  const schedule = parseSchedule(expression, 'UTC') ?? assert.fail(expression);
  const { count, last } = occurrencesBetween(schedule, new Date(after), new Date(until));
  return { count, last: last.map(at => at.toISOString().replace('.000Z', 'Z')) };
}

suite('what should have happened', () => {
  test('is after the one time and not after the other', () => {
    assert.deepEqual(between('0 0 3 * * *', '2026-11-20T03:00:00Z', '2026-11-22T03:00:00Z'), {
      count: 2,
      last: ['2026-11-21T03:00:00Z', '2026-11-22T03:00:00Z'],
    });
    assert.deepEqual(between('0 0 3 * * *', '2026-11-22T03:00:00Z', '2026-11-23T02:59:59Z'), {
      count: 0,
      last: [],
    });
    assert.equal(between('* * * * *', '2026-11-22T03:00:00Z', '2026-11-20T03:00:00Z').count, 0);
  });

  test('is counted, and the last ten are listed', () => {
    const { count, last } = between('0 0 * * * *', '2026-11-20T00:00:00Z', '2026-11-21T12:30:00Z');
    assert.equal(count, 36);
    assert.equal(last.length, 10);
    assert.deepEqual([last[0], last[9]], ['2026-11-21T03:00:00Z', '2026-11-21T12:00:00Z']);
  });

  test('is counted up to a thousand, and the last ten are still the last', () => {
    for (const [expression, after] of [
      ['* * * * * *', '2026-01-01T00:00:00Z'],
      ['* * 3 1 1 *', '2025-06-01T00:00:00Z'],
    ] as const) {
      const { count, last } = between(expression, after, '2026-01-01T03:30:00Z');
      assert.equal(count, 1000);
      assert.equal(last.length, 10);
      assert.deepEqual([last[0], last[9]], ['2026-01-01T03:29:51Z', '2026-01-01T03:30:00Z']);
    }
  });
});
