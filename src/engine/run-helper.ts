import { randomBytes } from 'node:crypto';
import { OperationError } from '../core/errors.ts';
import type { HelperReport, HelperService } from '../core/helper.ts';
import { helperLabel } from '../core/label-reader.ts';
import { showable } from '../core/outside-text.ts';
import type { RegistryCredentials } from '../core/registry-credentials.ts';
import { after, type Clock, poll } from './clock.ts';
import { insist } from './insist.ts';
import { type HelperOptions, type Swarm, SwarmError, type Task, type TaskOutput } from './swarm.ts';
import { byNewest, isPending, isTerminal, reportTasks } from './task-report.ts';

export interface HelperWorld {
  readonly swarm: Swarm;
  readonly clock: Clock;
  /** From the creation of a helper until it runs, milliseconds. */
  readonly pendingTimeoutMs: number;
  readonly redact: (text: string) => string;
  /** Who this is; stands in the helper's label. */
  readonly owner: string;
}

export interface HelperOutcome {
  readonly status: 'succeeded' | 'failed' | 'timed_out';
  readonly report: HelperReport;
  /** Why it did not succeed. */
  readonly message?: string;
  /** All that it printed, of helpers whose output is data; also where the command itself failed. */
  readonly output?: TaskOutput;
}

const LOG_LINES = 100;
const STOP_TIMEOUT_MS = 15_000;
/** A secret's name has at most 64 characters, nine of which are ours. */
const MAX_HELPER_NAME = 55;

/**
 * Creates a helper service, waits for its task, collects what it printed, and removes it, whatever happened. When this
 * returns, nothing of the helper runs any more.
 * @throws OperationError `helper_busy` when a helper of this name is still at work
 * @throws SwarmError
 */
export async function runHelper(
  world: HelperWorld,
  helper: HelperService,
  credentials?: RegistryCredentials,
): Promise<HelperOutcome> {
  const secrets: CreatedSecret[] = [];
  try {
    await createSecrets(world, helper, secrets);
    const { owner } = world;
    const serviceId = await createHelper(world, helper, {
      owner,
      secrets,
      ...(credentials !== undefined && { credentials }),
    });
    try {
      return await awaitHelper(world, helper, serviceId);
    } finally {
      await stopHelper(world, serviceId);
    }
  } finally {
    for (const { id } of secrets) {
      await insist(world.clock, () => world.swarm.removeSecret(id));
    }
  }
}

interface CreatedSecret {
  readonly id: string;
  readonly name: string;
  readonly path: string;
}

/** @param created takes them one by one, so that those that are there are known when the next one fails */
async function createSecrets(
  { swarm, owner }: HelperWorld,
  { name: helper, secrets = [] }: HelperService,
  created: CreatedSecret[],
): Promise<void> {
  for (const { path, value } of secrets) {
    // Of its own: the swarm refuses to remove one that a leftover helper still has.
    const name = `${helper.slice(0, MAX_HELPER_NAME)}-${randomBytes(4).toString('hex')}`;
    created.push({ id: await swarm.createSecret({ name, value, owner }), name, path });
  }
}

async function createHelper(
  world: HelperWorld,
  helper: HelperService,
  options: HelperOptions,
): Promise<string> {
  try {
    return await world.swarm.createHelper(helper, options);
  } catch (error) {
    if (!(error instanceof SwarmError && error.code === 'name_conflict')) {
      throw error;
    }
  }
  await removeLeftover(world, helper.name);
  return await world.swarm.createHelper(helper, options);
}

/** A helper that is still there was left by a swarm-utils that ended: finished it goes, at work it is let be. */
async function removeLeftover({ swarm, clock, pendingTimeoutMs }: HelperWorld, name: string): Promise<void> {
  const service = await swarm.findService(name);
  if (service === undefined) {
    return;
  }
  const tasks = await swarm.listTasks(service.id);
  const ageMs = clock.now().getTime() - Date.parse(service.createdAt);
  // Right after its creation a service has no tasks yet, which does not mean that it has finished.
  const isFinished =
    tasks.length === 0 ? ageMs > pendingTimeoutMs : tasks.every(task => isTerminal(task.state));
  if (service.labels[helperLabel] === undefined || !isFinished) {
    throw new OperationError(
      'helper_busy',
      `The helper service ${name} of an earlier run is still at work. Try again when it has finished, or remove it: ` +
        `docker service rm ${name}`,
    );
  }
  await swarm.removeService(service.id);
}

async function awaitHelper(
  world: HelperWorld,
  helper: HelperService,
  serviceId: string,
): Promise<HelperOutcome> {
  const { swarm, clock, pendingTimeoutMs } = world;
  const newestTask = async () => {
    const tasks = await insist(clock, () => swarm.listTasks(serviceId));
    return tasks.toSorted(byNewest(task => task.createdAt)).at(0);
  };
  const started = await poll(clock, after(clock, pendingTimeoutMs), async () => {
    const task = await newestTask();
    return task === undefined || isPending(task.state) ? undefined : task;
  });
  if (started === undefined) {
    return fail(world, helper, await newestTask(), 'failed', task => describePending(task, pendingTimeoutMs));
  }
  const ended = isTerminal(started.state)
    ? started
    : await poll(clock, after(clock, helper.timeoutMs), async () => {
        const task = await newestTask();
        return task !== undefined && isTerminal(task.state) ? task : undefined;
      });
  if (ended === undefined) {
    const message = `The helper ran longer than its time-out of ${helper.timeoutMs} ms.`;
    return fail(world, helper, await newestTask(), 'timed_out', () => message);
  }
  if (helper.printsData && ended.exitCode !== undefined) {
    return readData(world, helper, ended);
  }
  if (ended.state !== 'complete') {
    return fail(world, helper, ended, 'failed', describeFailure);
  }
  return {
    status: 'succeeded',
    report: { name: helper.name, tasks: await reportTasks(swarm, [ended], LOG_LINES, world.redact) },
  };
}

/** The report has what went wrong, and of the data nothing. */
async function readData(world: HelperWorld, helper: HelperService, ended: Task): Promise<HelperOutcome> {
  const { swarm, redact } = world;
  try {
    const output = await swarm.taskOutput(ended.id);
    const [task] = await reportTasks(swarm, [ended], 0, redact);
    const logs = output.stderr.slice(-LOG_LINES).map(line => showable(line, redact));
    const report = { name: helper.name, tasks: task === undefined ? [] : [{ ...task, logs }] };
    return ended.state === 'complete'
      ? { status: 'succeeded', report, output }
      : { status: 'failed', report, output, message: redact(describeFailure(ended)) };
  } catch (error) {
    if (!(error instanceof SwarmError)) {
      throw error;
    }
    return fail(
      world,
      helper,
      ended,
      'failed',
      () => `What the helper printed can't be read: ${error.message}`,
    );
  }
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

/** Removes the service and waits until its task has stopped; a node that is down can't stop it, so not for ever. */
async function stopHelper({ swarm, clock }: HelperWorld, serviceId: string): Promise<void> {
  let tasks: readonly Task[] = [];
  try {
    tasks = await insist(clock, () => swarm.listTasks(serviceId));
  } finally {
    await insist(clock, () => swarm.removeService(serviceId));
  }
  const atWork = tasks.filter(task => !isTerminal(task.state) && task.nodeId !== undefined);
  await poll(clock, after(clock, STOP_TIMEOUT_MS), async () => {
    const left = await Promise.all(atWork.map(({ id }) => insist(clock, () => swarm.getTask(id))));
    return left.every(task => task === undefined || isTerminal(task.state)) || undefined;
  });
}
