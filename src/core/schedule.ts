import { CronTime } from 'cron';
import { type ZoneTime, zoneTime } from './zone-time.ts';

const SECOND_MS = 1000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;
/** Longer than anybody writes one. */
const MAX_LENGTH = 200;

/** When something is to happen, again and again. */
export interface Schedule {
  /**
   * The first time after an instant, to the second. By the wall clock: a time that a change to summer time leaves out
   * counts at the moment of that change, once; a time that comes twice counts the first time, unless every hour counts.
   * @returns undefined when there is none within about eight years
   */
  next(after: Date): Date | undefined;
}

/**
 * Reads an expression of the npm package `cron`: https://www.npmjs.com/package/cron#cron-syntax-overview
 * @returns undefined for what is no expression or never happens, and for a zone that does not exist
 */
export function parseSchedule(expression: string, timeZone: string): Schedule | undefined {
  const times = parseExpression(expression);
  const zone = zoneTime(timeZone);
  if (times === undefined || zone === undefined) {
    return undefined;
  }
  return {
    next(after) {
      const found = nextInstant(times, zone, after.getTime());
      return found === undefined ? undefined : new Date(found);
    },
  };
}

/**
 * The expression with single blanks, as it is compared and shown.
 * @returns undefined for what is no expression or never happens
 */
export function normalizeExpression(text: string): string | undefined {
  const expression = text.trim().replace(/\s+/g, ' ');
  return parseExpression(expression) && expression;
}

/** The times of a wall clock that an expression names. */
interface WallTimes {
  /** @param wall exclusive */
  next(wall: number): number | undefined;
  /** Every hour of a day counts. */
  readonly isEveryHour: boolean;
}

/**
 * Of the package only its fields are used, on a wall clock without changes: which of two equal times it takes depends on
 * the day on which it is asked.
 */
function parseExpression(expression: string): WallTimes | undefined {
  if (expression.length > MAX_LENGTH) {
    return undefined;
  }
  let time: CronTime;
  try {
    time = new CronTime(expression, 'UTC');
  } catch {
    return undefined;
  }
  const next = (wall: number): number | undefined => {
    try {
      return time.getNextDateFrom(new Date(wall), 'UTC').toMillis();
    } catch {
      // It looks eight years ahead.
      return undefined;
    }
  };
  const [, , hours] = time.toJSON();
  const isEver = next(Date.UTC(2026, 0)) !== undefined;
  return isEver ? { next, isEveryHour: hours === '*' } : undefined;
}

function nextInstant(times: WallTimes, zone: ZoneTime, after: number): number | undefined {
  let from = Math.floor(after / SECOND_MS) * SECOND_MS;
  let offset = zone.offsetAt(from);
  // Exclusive, as the next time is.
  let wall = times.isEveryHour
    ? from + offset
    : Math.max(from + offset, repeatedUntil(zone, from) - SECOND_MS);
  for (;;) {
    const found = times.next(wall);
    if (found === undefined) {
      return undefined;
    }
    const change = zone.firstChange(from, found - offset);
    if (change === undefined) {
      return found - offset;
    }
    const before = offset;
    offset = zone.offsetAt(change);
    if (offset > before && found < change + offset) {
      return change;
    }
    from = change;
    wall = change + (times.isEveryHour ? offset : Math.max(before, offset)) - SECOND_MS;
  }
}

/** Until which time of the wall clock all was there before, shortly before the instant. */
function repeatedUntil(zone: ZoneTime, instant: number): number {
  const change = zone.firstChange(instant - DAY_MS, instant);
  return change === undefined ? Number.NEGATIVE_INFINITY : change + zone.offsetAt(change - SECOND_MS);
}
