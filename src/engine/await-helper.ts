import type { OperationErrorCode } from '../core/errors.ts';
import type { HelperReport, HelperService } from '../core/helper.ts';
import { showable } from '../core/outside-text.ts';
import { after, type Clock, poll } from './clock.ts';
import { describeAway } from './describe-error.ts';
import { createNodeWatch } from './helper-node.ts';
import { insist } from './insist.ts';
import { type Swarm, SwarmError, type Task, type TaskOutput } from './swarm.ts';
import { byNewest, isPending, isTerminal, reportTasks } from './task-report.ts';

export interface HelperWorld {
  readonly swarm: Swarm;
  readonly clock: Clock;
  /** From the creation of a helper until it runs, milliseconds. */
  readonly pendingTimeoutMs: number;
  readonly redact: (text: string) => string;
  /** Who this is; stands in the helper's label. */
  readonly owner: string;
  /** Names of the helpers, and of their secrets, that are at work for it. What else is there of its own was left behind. */
  readonly namesInUse: Set<string>;
}

export interface HelperOutcome {
  readonly status: 'succeeded' | 'failed' | 'timed_out';
  readonly report: HelperReport;
  /** Why it did not succeed. */
  readonly message?: string;
  /** Where it is known better than that a command failed. */
  readonly code?: Extract<
    OperationErrorCode,
    'node_unavailable' | 'store_busy' | 'store_unavailable' | 'backup_not_found'
  >;
  /** All that it printed, of helpers whose output is data; also where the command itself failed. */
  readonly output?: TaskOutput;
}

const LOG_LINES = 100;

/**
 * Waits for the task of a helper, and collects what it printed.
 * @throws SwarmError
 */
export async function awaitHelper(
  world: HelperWorld,
  helper: HelperService,
  serviceId: string,
): Promise<HelperOutcome> {
  const { swarm, clock, pendingTimeoutMs } = world;
  const newestTask = async () => {
    const tasks = await insist(clock, () => swarm.listTasks(serviceId));
    return tasks.toSorted(byNewest(task => task.createdAt)).at(0);
  };
  const whyLost = createNodeWatch(world, helper.nodeId);
  const until = (timeoutMs: number, isSo: (task: Task) => boolean) =>
    poll(clock, after(clock, timeoutMs), async () => {
      const task = await newestTask();
      if (task !== undefined && isSo(task)) {
        return { task };
      }
      const lost = await whyLost(task);
      return lost === undefined ? undefined : { task, lost };
    });

  const started = await until(pendingTimeoutMs, ({ state }) => !isPending(state));
  if (started === undefined) {
    return fail(world, helper, await newestTask(), 'failed', task => describePending(task, pendingTimeoutMs));
  }
  const ended = 'lost' in started ? started : await until(helper.timeoutMs, ({ state }) => isTerminal(state));
  if (ended === undefined) {
    const message = `The helper ran longer than its time-out of ${helper.timeoutMs} ms.`;
    return fail(world, helper, await newestTask(), 'timed_out', () => message);
  }
  return 'lost' in ended
    ? failLost(world, helper, ended.task, ended.lost)
    : readEnd(world, helper, ended.task);
}

async function readEnd(world: HelperWorld, helper: HelperService, ended: Task): Promise<HelperOutcome> {
  if (helper.printsData && ended.exitCode !== undefined) {
    return readData(world, helper, ended);
  }
  if (ended.state !== 'complete') {
    return fail(world, helper, ended, 'failed', describeFailure);
  }
  const tasks = await reportTasks(world.swarm, [ended], LOG_LINES, world.redact);
  return { status: 'succeeded', report: { name: helper.name, tasks } };
}

/** The report has what went wrong, and of the data nothing. */
async function readData(world: HelperWorld, helper: HelperService, ended: Task): Promise<HelperOutcome> {
  const { swarm, clock, redact } = world;
  try {
    const [output, [task]] = await Promise.all([
      insist(clock, () => swarm.taskOutput(ended.id)),
      reportTasks(swarm, [ended], 0, redact),
    ]);
    const logs = output.stderr.slice(-LOG_LINES).map(line => showable(line, redact));
    const report = { name: helper.name, tasks: task === undefined ? [] : [{ ...task, logs }] };
    return ended.state === 'complete'
      ? { status: 'succeeded', report, output }
      : { status: 'failed', report, output, message: redact(describeFailure(ended)) };
  } catch (error) {
    if (!(error instanceof SwarmError)) {
      throw error;
    }
    const why = error.code === 'unavailable' ? describeAway(error) : error.message;
    return fail(world, helper, ended, 'failed', () => `What the helper printed can't be read: ${why}`);
  }
}

/** What it printed is not asked for: a node that is down does not answer. */
async function failLost(
  { swarm, redact }: HelperWorld,
  { name }: HelperService,
  task: Task | undefined,
  why: string,
): Promise<HelperOutcome> {
  const tasks = await reportTasks(swarm, task === undefined ? [] : [task], 0, redact);
  return { status: 'failed', code: 'node_unavailable', report: { name, tasks }, message: redact(why) };
}

async function fail(
  world: HelperWorld,
  helper: HelperService,
  task: Task | undefined,
  status: 'failed' | 'timed_out',
  describe: (task: Task | undefined) => string,
): Promise<HelperOutcome> {
  const ended = task === undefined ? [] : [task];
  const tasks = await reportTasks(world.swarm, ended, LOG_LINES, world.redact);
  return { status, report: { name: helper.name, tasks }, message: world.redact(describe(task)) };
}

function describePending(task: Task | undefined, pendingTimeoutMs: number): string {
  const state = task === undefined ? 'has no task' : `is still ${task.state}`;
  const detail = task === undefined ? '' : `: ${task.error ?? task.message}`;
  return (
    `The helper ${state} after ${pendingTimeoutMs} ms${detail}. If it only needs longer, for its image to be pulled, ` +
    'say, raise SWARM_UTILS_PENDING_SERVICE_TIMEOUT.'
  );
}

function describeFailure(task: Task | undefined): string {
  return `The helper ${task?.state ?? 'failed'}${task?.error === undefined ? '' : `: ${task.error}`}.`;
}
