import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { after, poll, systemClock } from '../../src/engine/clock.ts';
import { insist } from '../../src/engine/insist.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { createFakeClock } from './fake-clock.ts';

suite('poll', () => {
  test('looks at once, often at first, and at least every 100 ms', async () => {
    const clock = createFakeClock();
    const looks: number[] = [];
    await poll(clock, after(clock, 1500), async () => {
      looks.push(clock.elapsedMs);
      return undefined;
    });
    const gaps = looks.slice(1).map((at, index) => at - (looks[index] ?? 0));
    assert.equal(looks[0], 0);
    assert.equal(gaps[0], 25);
    assert.ok(gaps.every(gap => gap <= 100));
    assert.ok(gaps.slice(0, -1).every((gap, index) => gap >= (gaps[index - 1] ?? 0)));
    assert.equal(looks.at(-1), 1500);
  });

  test('ends with what it found, false and 0 included', async () => {
    const clock = createFakeClock();
    for (const found of [false, 0, '', 'x']) {
      assert.equal(await poll(clock, after(clock, 0), async () => found), found);
    }
  });

  test('looks once when the time is up already, and then gives up', async () => {
    const clock = createFakeClock();
    let looks = 0;
    const found = await poll(clock, new Date(0), async () => {
      looks += 1;
      return undefined;
    });
    assert.deepEqual([found, looks], [undefined, 1]);
  });

  test('lets faults through', async () => {
    const clock = createFakeClock();
    await assert.rejects(
      poll(clock, after(clock, 10), () => Promise.reject(new Error('fault'))),
      /fault/,
    );
  });
});

test("the system's clock passes", async () => {
  const before = systemClock.now();
  await systemClock.sleep(5);
  assert.ok(systemClock.now().getTime() - before.getTime() >= 4);
});

suite('insist', () => {
  const away = new SwarmError('unavailable', 'away');
  test('asks again while no manager answers', async () => {
    const clock = createFakeClock();
    const answer = await insist(clock, async () => {
      if (clock.elapsedMs < 5000) {
        throw away;
      }
      return 'here';
    });
    assert.equal(answer, 'here');
  });

  test('gives up after 15 s', async () => {
    const clock = createFakeClock();
    await assert.rejects(
      insist(clock, () => Promise.reject(away)),
      away,
    );
    assert.equal(clock.elapsedMs, 15_000);
  });

  test('gives up no sooner where the first answer that did not come took long', async () => {
    const clock = createFakeClock();
    let calls = 0;
    const answer = await insist(clock, async () => {
      calls += 1;
      if (calls === 1) {
        await clock.sleep(30_000);
        throw away;
      }
      return 'here';
    });
    assert.equal(answer, 'here');
  });

  test('takes any other refusal for an answer', async () => {
    const clock = createFakeClock();
    for (const error of [
      new SwarmError('rejected', 'x'),
      new SwarmError('not_found', 'x'),
      new TypeError('x'),
    ]) {
      await assert.rejects(
        insist(clock, () => Promise.reject(error)),
        error,
      );
    }
    assert.equal(clock.elapsedMs, 0);
  });
});
