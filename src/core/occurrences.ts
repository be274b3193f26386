import type { Schedule } from './schedule.ts';
import { bisect } from './zone-time.ts';

/** Occurrences are counted up to so many. */
export const MAX_COUNTED = 1000;
/** So many of them are told one by one. */
export const MAX_LISTED = 10;

/** How often something should have happened in a time. */
export interface Occurrences {
  /** At most `MAX_COUNTED`. */
  readonly count: number;
  /** The newest, oldest first. */
  readonly last: readonly Date[];
}

/** What there is of a schedule in (after, until]. */
export function occurrencesBetween(schedule: Schedule, after: Date, until: Date): Occurrences {
  const counted = list(schedule, after, until, MAX_COUNTED);
  if (counted.length < MAX_COUNTED) {
    return { count: counted.length, last: counted.slice(-MAX_LISTED) };
  }
  // Of what is not counted to its end the newest are found from the other side.
  const isTooFew = (instant: number) =>
    list(schedule, new Date(instant), until, MAX_LISTED + 1).length <= MAX_LISTED;
  const start = bisect(after.getTime(), until.getTime(), isTooFew);
  return { count: MAX_COUNTED, last: list(schedule, new Date(start), until, MAX_LISTED) };
}

function list(schedule: Schedule, after: Date, until: Date, limit: number): readonly Date[] {
  const found: Date[] = [];
  for (let next = schedule.next(after); next !== undefined && next <= until; next = schedule.next(next)) {
    found.push(next);
    if (found.length === limit) {
      break;
    }
  }
  return found;
}
