import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CronTime } from 'cron';
import { normalizeExpression, parseSchedule, type Schedule } from '../../src/core/schedule.ts';

function schedule(expression: string, timeZone = 'UTC'): Schedule {
  const parsed = parseSchedule(expression, timeZone);
  assert.ok(parsed, `${expression} in ${timeZone}`);
  return parsed;
}

/** The next occurrences, as the wall of the zone shows them and as they are. */
function next(expression: string, timeZone: string, after: string, count: number): readonly string[] {
  const parsed = schedule(expression, timeZone);
  const found: string[] = [];
  let last = new Date(after);
  for (let number = 0; number < count; number += 1) {
    const at = parsed.next(last);
    assert.ok(at && at > last, `after ${last.toISOString()}`);
    found.push(at.toISOString().replace('.000Z', 'Z'));
    last = at;
  }
  return found;
}

suite('an expression', () => {
  for (const right of [
    '* * * * *',
    '*/5 * * * * *',
    '0 0 3 * * *',
    '0 3 1,15 jan-jun mon',
    '59 59 23 29 2 *',
    '@daily',
    '0 0 0 * * 7',
  ]) {
    test(`can be ${right}`, () => assert.equal(normalizeExpression(right), right));
  }

  for (const wrong of [
    '',
    'daily',
    '* * * *',
    '* * * * * * *',
    '60 * * * *',
    '*/0 * * * *',
    '5-1 * * * *',
    '0 0 0 30 2 *',
    '0 0 0 31 4,6,9,11 *',
    '* * * * * $(id)',
    '@never',
    '2026-11-22T03:00:00Z',
    `${'0,'.repeat(100)}0 * * * *`,
  ]) {
    test(`can not be ${JSON.stringify(wrong.slice(0, 30))}`, () => {
      assert.equal(normalizeExpression(wrong), undefined);
      assert.equal(parseSchedule(wrong, 'UTC'), undefined);
    });
  }

  test('is compared and shown with single blanks', () => {
    assert.equal(normalizeExpression(' 0   3\t* *\n* '), '0 3 * * *');
  });

  test('counts in a zone that exists', () => {
    assert.equal(parseSchedule('* * * * *', 'Mars/Phobos'), undefined);
    assert.equal(parseSchedule('* * * * *', ''), undefined);
    assert.deepEqual(next('0 0 3 * * *', '+05:30', '2026-11-22T00:00:00Z', 1), ['2026-11-22T21:30:00Z']);
  });
});

suite('the next time', () => {
  test('is later than the one before, to the second', () => {
    const parsed = schedule('0 0 3 * * *');
    const at = (after: string) => parsed.next(new Date(after))?.toISOString();
    assert.equal(at('2026-11-22T02:59:59.999Z'), '2026-11-22T03:00:00.000Z');
    assert.equal(at('2026-11-22T03:00:00.000Z'), '2026-11-23T03:00:00.000Z');
    assert.equal(at('2026-11-22T03:00:00.001Z'), '2026-11-23T03:00:00.000Z');
  });

  test('is the same as of the package on days without a change of the clock', () => {
    for (const expression of ['*/7 3 1,5 * 1-6/2 1-5', '0 */45 * * * *', '30 12 31 * *', '0 0 4 1 * mon']) {
      const theirs = new CronTime(expression, 'America/New_York');
      let [mine, other] = [new Date('2026-04-01T00:00:00Z'), new Date('2026-04-01T00:00:00Z')];
      const ours = schedule(expression, 'America/New_York');
      for (let count = 0; count < 40; count += 1) {
        mine = ours.next(mine) ?? assert.fail();
        other = theirs.getNextDateFrom(other, 'America/New_York').toJSDate();
        assert.deepEqual(mine, other);
      }
    }
  });
});

suite('when summer time begins, and an hour is left out,', () => {
  test('what was to come in it comes at once, once', () => {
    assert.deepEqual(next('0 30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00:00Z', 3), [
      '2026-03-28T01:30:00Z',
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:30:00Z',
    ]);
    assert.deepEqual(next('0 */20 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2), [
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:00:00Z',
    ]);
  });

  test('what was to come just after it does not come twice', () => {
    assert.deepEqual(next('0 0 2,3 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2), [
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:00:00Z',
    ]);
  });

  test('what comes every half an hour comes every half an hour', () => {
    assert.deepEqual(next('0 */30 * * * *', 'Europe/Berlin', '2026-03-29T00:10:00Z', 4), [
      '2026-03-29T00:30:00Z',
      '2026-03-29T01:00:00Z',
      '2026-03-29T01:30:00Z',
      '2026-03-29T02:00:00Z',
    ]);
  });

  test('so it is in the south', () => {
    assert.deepEqual(next('0 15 2 * * *', 'Australia/Sydney', '2026-10-03T00:00:00Z', 2), [
      '2026-10-03T16:00:00Z',
      '2026-10-04T15:15:00Z',
    ]);
  });

  test('so it is where only half an hour is left out', () => {
    assert.deepEqual(next('0 15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00:00Z', 2), [
      '2026-10-03T15:30:00Z',
      '2026-10-04T15:15:00Z',
    ]);
  });
});

suite('when summer time ends, and an hour comes twice,', () => {
  test('what comes in it comes the first time only', () => {
    assert.deepEqual(next('0 */30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 3), [
      '2026-10-25T00:00:00Z',
      '2026-10-25T00:30:00Z',
      '2026-10-26T01:00:00Z',
    ]);
  });

  test('who looks anew within the second hour does not find it again', () => {
    assert.deepEqual(next('0 30 2 * * *', 'Europe/Berlin', '2026-10-25T01:10:00Z', 1), [
      '2026-10-26T01:30:00Z',
    ]);
    assert.deepEqual(next('0 0 3 * * *', 'Europe/Berlin', '2026-10-25T01:10:00Z', 1), [
      '2026-10-25T02:00:00Z',
    ]);
  });

  test('what comes every half an hour comes every half an hour', () => {
    assert.deepEqual(next('0 */30 * * * *', 'Europe/Berlin', '2026-10-25T00:10:00Z', 5), [
      '2026-10-25T00:30:00Z',
      '2026-10-25T01:00:00Z',
      '2026-10-25T01:30:00Z',
      '2026-10-25T02:00:00Z',
      '2026-10-25T02:30:00Z',
    ]);
  });

  test('so it is where only half an hour comes twice', () => {
    assert.deepEqual(next('0 45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00:00Z', 2), [
      '2026-04-04T14:45:00Z',
      '2026-04-05T15:15:00Z',
    ]);
  });
});

test('a year has as many days and hours as the clock shows', () => {
  const countOf = (expression: string, timeZone: string) => {
    const parsed = schedule(expression, timeZone);
    let count = 0;
    const end = new Date('2027-01-01T00:00:00Z');
    for (let at = parsed.next(new Date('2025-12-31T23:59:59Z')); at && at < end; at = parsed.next(at)) {
      count += 1;
    }
    return count;
  };
  for (const timeZone of ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Africa/Casablanca']) {
    assert.equal(countOf('0 30 2 * * *', timeZone), 365, timeZone);
  }
  assert.equal(countOf('0 0 * * * *', 'Europe/Berlin'), 365 * 24);
});
