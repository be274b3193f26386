import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { backupIdOf } from '../../src/core/archive-name.ts';
import { chooseOutdated } from '../../src/core/retention.ts';

const now = new Date('2026-11-22T03:00:00Z');
const day = 24 * 60 * 60 * 1000;
const daysAgo = (days: number) => backupIdOf(new Date(now.getTime() - days * day));
const of = (stem: string, ...ages: number[]) => ages.map(age => ({ stem, backup: daysAgo(age) }));
const outdated = (backups: readonly { stem: string; backup: string }[], retentionDays = 5) =>
  chooseOutdated(backups, { now, retentionDays }).map(({ stem, backup }) => `${stem} ${backup}`);

describe('retention', () => {
  test('what is older goes, what is as old stays', () => {
    assert.deepEqual(outdated(of('a', 0, 1, 5, 6, 40)), [`a ${daysAgo(6)}`, `a ${daysAgo(40)}`]);
  });

  test('the newest of each stem stays, however old it is', () => {
    const backups = [...of('a', 90, 80), ...of('b', 70), ...of('c', 0, 60)];
    assert.deepEqual(outdated(backups), [`a ${daysAgo(90)}`, `c ${daysAgo(60)}`]);
    assert.deepEqual(outdated(of('a', 3, 2, 1), 0), [`a ${daysAgo(3)}`, `a ${daysAgo(2)}`]);
  });

  test('one that lacks something is never the newest, unless there is no better', () => {
    const lacking = (stem: string, ...days: readonly number[]) =>
      of(stem, ...days).map(each => ({ ...each, isIncomplete: true as const }));
    assert.deepEqual(outdated([...of('a', 20), ...lacking('a', 10)]), [`a ${daysAgo(10)}`]);
    assert.deepEqual(outdated(lacking('a', 20, 10)), [`a ${daysAgo(20)}`]);
  });

  test('of one id all stay or all go', () => {
    assert.deepEqual(outdated(of('a', 40, 40)), []);
    assert.equal(outdated(of('a', 40, 40, 1)).length, 2);
  });

  test('what is no id, or one of a time to come, is left alone and outdates nothing', () => {
    const strange = [
      { stem: 'a', backup: '2099-01-01T00-00-00Z' },
      { stem: 'a', backup: 'zzzz' },
      { stem: 'a', backup: '2026-02-31T00-00-00Z' },
    ];
    assert.deepEqual(outdated([...strange, ...of('a', 40)]), []);
    assert.deepEqual(outdated([...strange, ...of('a', 40, 20)]), [`a ${daysAgo(40)}`]);
    // The clock of another manager is ahead.
    assert.deepEqual(outdated(of('a', -0.01, 40)), [`a ${daysAgo(40)}`]);
  });
});
