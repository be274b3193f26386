import { OperationError } from '../../core/errors.ts';
import type { ServiceWork } from '../../core/step.ts';
import { plural } from '../../core/text/plural.ts';
import { after, poll } from '../clock.ts';
import { fareOf } from '../fare.ts';
import { insist } from '../insist.ts';
import { describeOldTasks, findOldTasks, nodesOf, type OldTasksQuestion } from '../old-tasks.ts';
import { stopTimeoutMs } from '../stop-timeout.ts';
import { type Service, SwarmError } from '../swarm.ts';
import type { ServiceContext, StepExecutor, StepOutcome } from './step-executor.ts';
import { awaitTasksEnd, type LeftTasks, oldTasksQuestion } from './tasks-end.ts';

const WRITE_ATTEMPTS = 10;

/**
 * Scales the service to 0 and waits until none of its tasks is left on any node, for as long at least as they get to end by
 * themselves. How many replicas it had is in the journal before, so that they come back whatever happens.
 * @throws OperationError `busy`, `target_gone`, `unsupported_mode`, `update_conflict`, `written_meanwhile`; `not_stopped`
 *   before anything is touched, where tasks of it are on a node that is down and may write to the volumes
 */
export const stop: StepExecutor<ServiceWork & { kind: 'stop' }> = async (context, step) => {
  const { world, service, onProgress } = context;
  const tasks = await world.swarm.listTasks(service.id);
  const question = oldTasksQuestion(context);
  await refuseStuck(context, question);
  const timeoutMs = stopTimeoutMs(step.timeoutMs, [service, ...tasks]);
  const until = after(world.clock, timeoutMs);
  const replicas = await scaleToZero(context, until);
  const left = await awaitTasksEnd(world, { ...question, until }, onProgress);
  if (left.tasks.length > 0) {
    return notStopped(left, timeoutMs, context.stopped !== undefined);
  }
  if (replicas === 0) {
    return { status: 'skipped', message: 'It has no replicas, so there was nothing to stop.' };
  }
  if (context.stopped !== undefined) {
    // From now on nobody but `start` has a reason to write it. Until now the swarm itself may have done so.
    context.stopped.version = (await mustFind(context)).version;
  }
  return { status: 'succeeded', message: `Stopped: it had ${plural(replicas, 'replica')}.` };
};

/** What runs on a node that is down is known to be stopped by nothing. */
async function refuseStuck({ world }: ServiceContext, question: OldTasksQuestion): Promise<void> {
  const stuck = (await findOldTasks(world, question)).filter(task => task.stuck !== undefined);
  if (stuck.length > 0) {
    const what = `${plural(stuck.length, 'task')} of the service may still run: ${describeOldTasks(stuck)}`;
    throw new OperationError('not_stopped', `${what} Nothing was touched.`);
  }
}

function notStopped({ tasks, areStuck }: LeftTasks, timeoutMs: number, isNoted: boolean): StepOutcome {
  const which = describeOldTasks(tasks);
  const what = plural(tasks.length, 'task');
  const when =
    'The service stays stopped until nothing of it runs any more; then swarm-utils starts it by itself.';
  const message = [
    areStuck
      ? `${what} of the service may still run: ${which}`
      : `${what} of the service did not end within ${timeoutMs} ms: ${which}`,
    ...(isNoted ? [when] : []),
    ...(areStuck ? [] : ['The label swarm-utils.backup.stop.timeout gives them more time.']),
  ].join(' ');
  return { status: areStuck ? 'failed' : 'timed_out', message, error: { code: 'not_stopped', message } };
}

/** @returns how many it had; where it had none, nothing was written to it */
async function scaleToZero(context: ServiceContext, endsBy: Date): Promise<number> {
  const { world, deadNodeIds = [] } = context;
  const { journal, clock, swarm } = world;
  const restoring = context.chosen?.map(({ place }) => place) ?? [];
  for (let attempt = 1; attempt <= WRITE_ATTEMPTS; attempt += 1) {
    const service = await findSteady(context);
    const { replicas } = service;
    if (service.mode !== 'replicated' || replicas === undefined) {
      const message = `Only a replicated service can be stopped and started again; this one is ${service.mode}.`;
      throw new OperationError('unsupported_mode', message);
    }
    if (replicas === 0 && restoring.length === 0) {
      return 0;
    }
    const tasks = await swarm.listTasks(service.id);
    const entry = await journal.open({
      serviceId: service.id,
      serviceName: service.name,
      replicas,
      restoring,
      nodeIds: nodesOf(tasks),
      deadNodeIds,
    });
    context.stopped = { entry, endsBy, before: fareOf(tasks) };
    if (replicas === 0 || (await scale(context, service))) {
      return replicas;
    }
    // Nothing was done, and what the entry says may be wrong.
    await insist(clock, () => journal.close(entry));
    delete context.stopped;
    await clock.sleep(attempt * 20);
  }
  const message = `Others kept changing the service: ${WRITE_ATTEMPTS} attempts to stop it were out of sequence.`;
  throw new OperationError('update_conflict', message);
}

/** Any write makes the swarm forget that it is at an update, and with it that it should pause or roll back. */
async function findSteady(context: ServiceContext): Promise<Service> {
  const { clock, settings } = context.world;
  const service = await poll(clock, after(clock, settings.timeouts.pendingMs), async () => {
    const found = await mustFind(context);
    const isAtWork = found.update?.state === 'updating' || found.update?.state === 'rollback_started';
    return isAtWork ? undefined : found;
  });
  if (service === undefined) {
    const message =
      'The swarm is at an update of the service, so it was not stopped. Try again when that is over.';
    throw new OperationError('update_conflict', message);
  }
  return service;
}

async function mustFind({ world, service: { id } }: ServiceContext): Promise<Service> {
  const service = await insist(world.clock, () => world.swarm.getService(id));
  if (service === undefined) {
    throw new OperationError('target_gone', 'Somebody removed the service meanwhile.');
  }
  return service;
}

/** @returns false where somebody else wrote the service in between: then nothing was done */
async function scale({ world }: ServiceContext, { id, version }: Service): Promise<boolean> {
  const { swarm, clock } = world;
  let mayBeDone = false;
  const attempt = async (): Promise<boolean> => {
    try {
      await swarm.scaleService(id, { replicas: 0, version });
      return true;
    } catch (error) {
      const code = error instanceof SwarmError ? error.code : undefined;
      if (code === 'out_of_sequence') {
        // It may be our own write, of which the answer was lost.
        return mayBeDone && (await swarm.getService(id))?.replicas === 0;
      }
      mayBeDone ||= code === 'unavailable';
      throw error;
    }
  };
  return insist(clock, attempt);
}
