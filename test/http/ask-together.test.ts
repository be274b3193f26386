import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askTogether } from '../../src/http/ask-together.ts';

/** A call that ends when it is told to, and counts. */
function heldCall() {
  const ends: ((error?: Error) => void)[] = [];
  const call = () => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const number = ends.length + 1;
    ends.push(error => (error === undefined ? resolve(number) : reject(error)));
    return promise;
  };
  return { call, ends };
}

const turn = () => new Promise(resolve => setImmediate(resolve));

test('who asks alone is asked for at once', async () => {
  const { call, ends } = heldCall();
  const ask = askTogether(call);
  const answer = ask();
  await turn();
  assert.equal(ends.length, 1);
  ends[0]?.();
  assert.equal(await answer, 1);
});

test('all who ask while a call runs share the next one, which begins after they asked', async () => {
  const { call, ends } = heldCall();
  const ask = askTogether(call);
  const first = ask();
  await turn();
  const others = [ask(), ask(), ask()];
  await turn();
  assert.equal(ends.length, 1);
  ends[0]?.();
  assert.equal(await first, 1);
  await turn();
  assert.equal(ends.length, 2);
  ends[1]?.();
  assert.deepEqual(await Promise.all(others), [2, 2, 2]);
});

test('a call that fails is nobody else’s fault', async () => {
  const { call, ends } = heldCall();
  const ask = askTogether(call);
  const first = ask();
  await turn();
  const second = ask();
  ends[0]?.(new Error('no'));
  await assert.rejects(first, /no/);
  await turn();
  ends[1]?.();
  assert.equal(await second, 2);
});

test('a call that throws before it has begun is not for ever', async () => {
  let count = 0;
  const ask = askTogether(() => {
    count += 1;
    if (count === 1) {
      throw new Error('no');
    }
    return Promise.resolve(count);
  });
  await assert.rejects(ask(), /no/);
  assert.equal(await ask(), 2);
});

test('a call that does not end holds nobody up for long', async () => {
  const { call, ends } = heldCall();
  const ask = askTogether(call, 1);
  void ask();
  await turn();
  const second = ask();
  while (ends.length < 2) {
    await turn();
  }
  ends[1]?.();
  assert.equal(await second, 2);
});
