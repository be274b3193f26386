import type { Clock } from '../../src/engine/clock.ts';

/** Time that passes as soon as everybody waits for it, and not before. */
export interface FakeClock extends Clock {
  /** What happens so many milliseconds after the start, if anybody waits that long. */
  at(ms: number, action: () => void): void;
  /** Milliseconds since the start. */
  readonly elapsedMs: number;
}

const start = Date.parse('2026-11-22T12:00:00.000Z');

export function createFakeClock(): FakeClock {
  const entries: {
    readonly at: number;
    readonly order: number;
    readonly wake: () => void;
    readonly isSleeper: boolean;
  }[] = [];
  let elapsedMs = 0;
  let lastOrder = 0;
  let isPumping = false;

  function add(at: number, wake: () => void, isSleeper: boolean): void {
    lastOrder += 1;
    entries.push({ at, order: lastOrder, wake, isSleeper });
    entries.sort((a, b) => a.at - b.at || a.order - b.order);
    pump();
  }

  /** Once per turn of the event loop, so that whoever was woken has done what there is to do before the next one is. */
  function pump(): void {
    if (isPumping || !entries.some(({ isSleeper }) => isSleeper)) {
      return;
    }
    isPumping = true;
    setImmediate(() => {
      isPumping = false;
      const next = entries.shift();
      if (next !== undefined) {
        elapsedMs = Math.max(elapsedMs, next.at);
        next.wake();
      }
      pump();
    });
  }

  return {
    now: () => new Date(start + elapsedMs),
    sleep: ms => new Promise(resolve => add(elapsedMs + Math.round(ms), resolve, true)),
    at: (ms, action) => add(ms, action, false),
    get elapsedMs() {
      return elapsedMs;
    },
  };
}
