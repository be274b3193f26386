import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { type Occurrences, occurrencesBetween } from './core/occurrences.ts';
import { parseSchedule, type Schedule } from './core/schedule.ts';
import { type CronSettings, commonEntry, ownEntries, type ScheduleEntry } from './core/schedule-entry.ts';
import type { ScheduleRun, ScheduleView } from './core/schedule-run.ts';
import { logInterrupted, logMissed, logRun, logStart } from './cron-log.ts';
import { type CronRunOptions, createCronRun } from './cron-run.ts';
import type { ScheduleStore } from './engine/schedule-store.ts';

/** Starts what is due. */
export interface Cron extends ScheduleView {
  start(): void;
  /** Begins nothing any more, from the moment of the call on. Resolves when what runs has its end. */
  stop(): Promise<void>;
}

export interface CronOptions extends Omit<CronRunOptions, 'parallel' | 'onFault'> {
  readonly settings: CronSettings;
  readonly store: ScheduleStore;
  readonly log: Logger;
}

/** A label that was changed counts after so long at the latest, and a bit more where the swarm is slow. */
const LOOK_INTERVAL_MS = 30_000;
const LOOK_AGAIN_MS = 5000;
/** Time that passes unnoticed when a machine sleeps or its clock is set is noticed after so long. */
const LONGEST_SLEEP_MS = 30_000;
/** A clock that was set back by more begins anew; by less, nothing is done twice. */
const MAX_SET_BACK_MS = 60 * 60 * 1000;

interface Timed {
  readonly entry: ScheduleEntry;
  readonly schedule: Schedule;
  /** All that was due up to then has been seen to. */
  handled: Date;
  nextAt: Date | undefined;
}

interface Going {
  readonly end: Promise<void>;
  /** What was due meanwhile. */
  skipped?: ScheduleRun;
}

export function createCron({ settings, store, log, ...options }: CronOptions): Cron {
  const { clock, swarm, parsedTargets } = options;
  const { timeZone } = settings;
  const timed = new Map<string, Timed>();
  const going = new Map<string, Going>();
  let lastTick = clock.now();
  let isStopping = false;
  let wake = Promise.withResolvers<void>();

  const onFault = (error: unknown) =>
    log.error({ event: 'schedule.fault', err: error }, 'unexpected fault of the schedule');
  const run = createCronRun({ ...options, parallel: settings.parallel, onFault });

  /** A full disk stops nothing. */
  const attempt = (work: () => void) => {
    try {
      work();
    } catch (error) {
      onFault(error);
    }
  };
  const save = (each: ScheduleRun) => attempt(() => store.save(each));

  async function keepTime(): Promise<void> {
    while (!isStopping) {
      wake = Promise.withResolvers();
      attempt(() => tick(clock.now()));
      const next = Math.min(...[...timed.values()].flatMap(({ nextAt }) => nextAt?.getTime() ?? []));
      const sleepMs = Math.min(next - clock.now().getTime(), LONGEST_SLEEP_MS);
      await Promise.race([clock.sleep(Math.max(1, sleepMs)), wake.promise]);
    }
  }

  function tick(now: Date): void {
    if (now.getTime() < lastTick.getTime() - MAX_SET_BACK_MS) {
      for (const each of timed.values()) {
        each.handled = now;
        each.nextAt = each.schedule.next(now);
      }
    }
    lastTick = now;
    for (const each of timed.values()) {
      const { nextAt } = each;
      if (nextAt !== undefined && nextAt <= now) {
        begin(each, nextAt, now);
      }
    }
  }

  /** Of several that are due by now only the last is begun. */
  function begin(each: Timed, due: Date, now: Date): void {
    const { entry, schedule, handled } = each;
    const following = schedule.next(due);
    const isLate = following !== undefined && following <= now;
    const at = isLate ? (occurrencesBetween(schedule, handled, now).last.at(-1) ?? due) : due;
    if (isLate) {
      const missed = occurrencesBetween(schedule, handled, new Date(at.getTime() - 1));
      noteMissed(entry, missed, 'swarm-utils was not given the time.');
    }
    each.handled = now;
    each.nextAt = isLate ? schedule.next(now) : following;
    const meanwhile = going.get(entry.key);
    if (meanwhile === undefined) {
      going.set(entry.key, { end: execute(entry, at) });
    } else {
      noteSkipped(entry, meanwhile, at);
    }
  }

  async function execute(entry: ScheduleEntry, at: Date): Promise<void> {
    const { key } = entry;
    const begun: ScheduleRun = {
      id: randomUUID(),
      key,
      scheduledAt: at.toISOString(),
      startedAt: clock.now().toISOString(),
      status: 'running',
      results: [],
    };
    save(begun);
    const end = await run(entry, results => save({ ...begun, results }));
    const ended: ScheduleRun = { ...begun, ...end, finishedAt: clock.now().toISOString() };
    going.delete(key);
    save(ended);
    logRun(log, entry, ended);
  }

  function noteSkipped(entry: ScheduleEntry, meanwhile: Going, at: Date): void {
    const { skipped: before } = meanwhile;
    const skipped: ScheduleRun = {
      id: before?.id ?? randomUUID(),
      key: entry.key,
      scheduledAt: at.toISOString(),
      status: 'skipped',
      count: (before?.count ?? 0) + 1,
      results: [],
      message: 'still running',
    };
    meanwhile.skipped = skipped;
    save(skipped);
    if (before === undefined) {
      logRun(log, entry, skipped);
    }
  }

  function noteMissed(entry: ScheduleEntry, { count, last }: Occurrences, message: string): void {
    const at = last.at(-1);
    if (at === undefined) {
      return;
    }
    const missed: ScheduleRun = {
      id: randomUUID(),
      key: entry.key,
      scheduledAt: at.toISOString(),
      status: 'missed',
      count,
      times: last.map(each => each.toISOString()),
      results: [],
      message,
    };
    save(missed);
    logMissed(log, entry, missed);
  }

  function add(entry: ScheduleEntry): void {
    const { key, expression } = entry;
    const schedule = parseSchedule(expression, timeZone);
    if (schedule === undefined) {
      throw new TypeError(`The expression of ${key} was not checked.`);
    }
    const now = clock.now();
    timed.set(key, { entry, schedule, handled: now, nextAt: schedule.next(now) });
    attempt(() => {
      const watched = store.watchedOf(key);
      if (watched?.expression === expression && watched.timeZone === timeZone) {
        // What was begun after the last note was not missed.
        const newest = Date.parse(store.runsOf(key, 1)[0]?.scheduledAt ?? '') || 0;
        const until = new Date(Math.max(watched.until.getTime(), newest));
        noteMissed(entry, occurrencesBetween(schedule, until, now), 'swarm-utils was not running.');
      }
    });
  }

  /** Takes over the entries as they are now. */
  function take(entries: readonly ScheduleEntry[]): void {
    const keys = new Set(entries.map(({ key }) => key));
    for (const key of timed.keys()) {
      if (!keys.has(key)) {
        timed.delete(key);
      }
    }
    for (const entry of entries) {
      const known = timed.get(entry.key);
      if (known?.entry.expression === entry.expression) {
        timed.set(entry.key, { ...known, entry });
      } else {
        add(entry);
      }
    }
    wake.resolve();
  }

  function noteWatch(): void {
    store.watch(
      [...timed].map(([key, { entry, handled }]) => ({
        key,
        expression: entry.expression,
        timeZone,
        until: new Date(Math.max(handled.getTime(), lastTick.getTime())),
      })),
    );
  }

  const common = commonEntry(settings);
  const commons = common === undefined ? [] : [common];

  /** @returns whether the swarm could be asked */
  async function look(): Promise<boolean> {
    const services = await swarm.listServices().catch(() => undefined);
    if (isStopping) {
      return false;
    }
    attempt(() => {
      if (services !== undefined) {
        take([...commons, ...ownEntries(parsedTargets.ofAll(services))]);
        store.watchOnly([...timed.keys()]);
      }
      noteWatch();
    });
    return services !== undefined;
  }

  async function keepLooking(): Promise<void> {
    for (let isFirst = true; !isStopping; isFirst = false) {
      const hasSeen = await look();
      if (isFirst && !isStopping) {
        logStart(log, timeZone, states());
      }
      await clock.sleep(hasSeen ? LOOK_INTERVAL_MS : LOOK_AGAIN_MS);
    }
  }

  const states = () =>
    [...timed.values()].map(({ entry, nextAt }) => ({
      entry,
      isRunning: going.has(entry.key),
      ...(nextAt !== undefined && { nextAt }),
    }));

  return {
    timeZone,
    start() {
      for (const each of store.interrupted) {
        logInterrupted(log, each);
      }
      lastTick = clock.now();
      take(commons);
      keepTime().catch(onFault);
      keepLooking().catch(onFault);
    },
    async stop() {
      isStopping = true;
      wake.resolve();
      await Promise.all([...going.values()].map(({ end }) => end));
    },
    states,
    runsOf: store.runsOf,
    missedOf: store.missedOf,
  };
}
