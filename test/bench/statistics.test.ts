import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pairRatios, quantile, summarize } from './statistics.ts';

describe('summarize', () => {
  it('takes the middle of an odd number, in any order', () => {
    assert.deepEqual(summarize([5, 1, 30]), { min: 1, median: 5, max: 30 });
  });

  it('takes the mean of the two in the middle of an even number', () => {
    assert.deepEqual(summarize([4, 10, 1, 2]), { min: 1, median: 3, max: 10 });
  });

  it('sorts by size, not as text, and leaves its input alone', () => {
    const values = [100, 20, 3];
    assert.deepEqual(summarize(values), { min: 3, median: 20, max: 100 });
    assert.deepEqual(values, [100, 20, 3]);
  });

  it('has nothing to say of nothing', () => {
    assert.throws(() => summarize([]), RangeError);
  });
});

describe('quantile', () => {
  it('lies between two values in proportion', () => {
    assert.equal(quantile([0, 10], 0.9), 9);
    assert.equal(quantile([7], 0.99), 7);
  });
});

describe('pairRatios', () => {
  it('compares round by round', () => {
    assert.deepEqual(pairRatios([1, 9], [2, 3]), [0.5, 3]);
  });

  it('refuses rounds that are not complete', () => {
    assert.throws(() => pairRatios([1, 2], [1]), RangeError);
  });
});
