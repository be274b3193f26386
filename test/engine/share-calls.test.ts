import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { shareCalls } from '../../src/engine/share-calls.ts';

suite('a shared call', () => {
  test('is one for all who ask while it runs, and another for who asks later', async () => {
    let calls = 0;
    const ask = shareCalls(async () => {
      calls += 1;
      return calls;
    }, 60_000);
    assert.deepEqual(await Promise.all([ask(), ask(), ask()]), [1, 1, 1]);
    assert.equal(await ask(), 2);
  });

  test('that fails is told to all who ask, and not kept', async () => {
    let calls = 0;
    const ask = shareCalls(async () => {
      calls += 1;
      if (calls === 1) {
        throw new Error('away');
      }
      return calls;
    }, 60_000);
    const first = [ask(), ask()];
    for (const each of first) {
      await assert.rejects(each, /away/);
    }
    assert.equal(await ask(), 2);
  });

  test('that never ends is given up, and the next one is asked', async () => {
    let calls = 0;
    const ask = shareCalls(() => {
      calls += 1;
      return calls === 1 ? new Promise<number>(() => undefined) : Promise.resolve(calls);
    }, 20);
    const first = [ask(), ask()];
    for (const each of first) {
      await assert.rejects(each, { code: 'unavailable' });
    }
    assert.equal(await ask(), 2);
  });
});
