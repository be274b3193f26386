import type { TaskReport } from '../core/helper.ts';
import { plural } from '../core/text/plural.ts';
import { after, type Clock, poll } from './clock.ts';
import { type Fare, faresAsBefore } from './fare.ts';
import { insist } from './insist.ts';
import { hasEndedWell, newestWithoutSuccessor } from './rollout/progress.ts';
import type { Service, Swarm, Task } from './swarm.ts';
import { byNewest, isPending, isRunning, reportTasks } from './task-report.ts';

export interface RunOutcome {
  readonly isRunning: boolean;
  /** Some came to an end that nobody wanted. */
  readonly hasFailed: boolean;
  /** It does not run, for the reasons for which it did not run before: that was not waited for any longer. */
  readonly isAsBefore: boolean;
  readonly message: string;
  /** Those that failed, newest first. */
  readonly tasks: readonly TaskReport[];
}

const REPORTED_TASKS = 3;
const LOG_LINES = 20;

/**
 * Waits until a replicated service, to which its replicas were just given, runs all of them, or they ran to the good end that
 * they are for.
 * @param before how it fared before it was stopped; absent: nobody knows
 * @throws SwarmError
 */
export async function awaitTasksRun(
  world: { readonly swarm: Swarm; readonly clock: Clock; readonly redact: (text: string) => string },
  service: Service,
  timeoutMs: number,
  onProgress: (message: string) => void,
  before?: Fare,
): Promise<RunOutcome> {
  const { swarm, clock } = world;
  const wanted = service.replicas ?? 0;
  let tasks: readonly Task[] = [];
  let said = '';
  // Those of before the write may still be remembered.
  const done = () =>
    newestWithoutSuccessor(tasks).filter(
      task => hasEndedWell(service, task) && Date.parse(task.createdAt) >= Date.parse(service.updatedAt),
    ).length;
  const progress = () =>
    `${tasks.filter(isRunning).length} of ${plural(wanted, 'replica')} running` +
    `${done() === 0 ? '' : `, ${done()} ended well`}.`;
  const end = await poll(clock, after(clock, timeoutMs), async () => {
    tasks = await insist(clock, () => swarm.listTasks(service.id));
    if (progress() !== said) {
      said = progress();
      onProgress(said);
    }
    if (tasks.filter(isRunning).length + done() >= wanted) {
      return 'running';
    }
    return before !== undefined && faresAsBefore(tasks, wanted, before) ? 'as-before' : undefined;
  });
  if (end === 'running') {
    return { isRunning: true, isAsBefore: false, hasFailed: false, message: progress(), tasks: [] };
  }
  const isAsBefore = end === 'as-before';
  const failed = tasks
    .filter(({ state }) => state === 'failed' || state === 'rejected')
    .toSorted(byNewest(({ stateAt }) => stateAt));
  const waiting = tasks.find(({ state, desiredState }) => isPending(state) && desiredState === 'running');
  const why = failed[0]?.error ?? waiting?.error ?? waiting?.message;
  const what = isAsBefore
    ? `The service has its replicas again, and does not run as it did not run before it was stopped: ${progress()}`
    : `The service has its replicas again, but after ${timeoutMs} ms only ${progress()}`;
  return {
    isRunning: false,
    isAsBefore,
    hasFailed: failed.length > 0,
    message: world.redact(
      `${what}${why === undefined ? '' : ` ${why}.`} The swarm keeps trying; see \`docker service ps ${service.name}\`.`,
    ),
    tasks: await reportTasks(swarm, failed.slice(0, REPORTED_TASKS), LOG_LINES, world.redact, service),
  };
}
