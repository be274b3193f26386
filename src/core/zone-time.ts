const SECOND_MS = 1000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;

/** A clock on a wall of some zone. Walls and instants are both milliseconds; a wall reads as if the zone were UTC. */
export interface ZoneTime {
  /** What the wall is ahead of UTC by at an instant, milliseconds. */
  offsetAt(instant: number): number;
  /** The first instant in (from, to] with another offset than at `from`, to the second. */
  firstChange(from: number, to: number): number | undefined;
}

/**
 * @param timeZone as in IANA's database, or an offset such as `+02:00`
 * @returns undefined where there is no such zone
 */
export function zoneTime(timeZone: string): ZoneTime | undefined {
  const format = formatOf(timeZone);
  return format && { offsetAt, firstChange };

  function offsetAt(instant: number): number {
    const text = format?.format(instant) ?? '';
    const [, sign, hours, minutes, seconds = '0'] = /GMT([+-])(\d+):(\d+)(?::(\d+))?$/.exec(text) ?? [];
    const offset = (Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds)) * SECOND_MS;
    return sign === '-' ? -offset : offset;
  }

  function firstChange(from: number, to: number): number | undefined {
    const offset = offsetAt(from);
    // No zone has changed twice within a day.
    for (let before = from; before < to; before += DAY_MS) {
      const after = Math.min(before + DAY_MS, to);
      if (offsetAt(after) !== offset) {
        return bisect(before, after, instant => offsetAt(instant) !== offset);
      }
    }
    return undefined;
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  } catch {
    return undefined;
  }
}

/**
 * The first instant, to the second, that something holds at: it does not at `low`, and does at `high` and from there
 * back to that instant.
 */
export function bisect(low: number, high: number, holds: (instant: number) => boolean): number {
  let [without, within] = [low, high];
  while (within - without > SECOND_MS) {
    const middle = without + Math.ceil((within - without) / 2 / SECOND_MS) * SECOND_MS;
    if (holds(middle)) {
      within = middle;
    } else {
      without = middle;
    }
  }
  return within;
}
