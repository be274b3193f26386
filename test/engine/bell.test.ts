import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createBell } from '../../src/engine/bell.ts';
import { createFakeClock } from './fake-clock.ts';

suite('a bell', () => {
  test('wakes who waits', async () => {
    const [bell, clock] = [createBell(), createFakeClock()];
    clock.at(2000, () => bell.ring());
    await bell.wait(clock, 60_000);
    assert.equal(clock.elapsedMs, 2000);
  });

  test('is heard by who waits next, once', async () => {
    const [bell, clock] = [createBell(), createFakeClock()];
    bell.ring();
    bell.ring();
    await bell.wait(clock, 60_000);
    assert.equal(clock.elapsedMs, 0);
    await bell.wait(clock, 3000);
    assert.equal(clock.elapsedMs, 3000);
  });

  test('that nobody rings lets go after the time', async () => {
    const [bell, clock] = [createBell(), createFakeClock()];
    await bell.wait(clock, 5000);
    assert.equal(clock.elapsedMs, 5000);
  });
});
