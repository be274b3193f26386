import { OperationError, type OperationErrorCode } from '../../core/errors.ts';
import type { ServiceWork } from '../../core/step.ts';
import { plural } from '../../core/text/plural.ts';
import { awaitTasksRun, type RunOutcome } from '../await-tasks.ts';
import { scaleBack, settleReplicas } from '../bring-back.ts';
import { insist } from '../insist.ts';
import type { StoppedService } from '../journal.ts';
import { settleVolumes } from '../mend.ts';
import { describeMove } from './describe-move.ts';
import type { EngineWorld, ServiceContext, StepExecutor, StepOutcome, StoppedByUs } from './step-executor.ts';

/**
 * Gives the service what it had before `stop`, and waits until that runs. What somebody else wrote meanwhile is left as it
 * is, but not passed over: the volumes may have changed while they were read.
 * @throws OperationError `not_stopped` where an old task goes on; `update_conflict`, `restore_failed`
 * @throws SwarmError; after each of them the journal keeps what is to be done, and the recovery does it
 */
export const start: StepExecutor<ServiceWork & { kind: 'start' }> = async (context, step) => {
  const { world, stopped } = context;
  if (stopped === undefined) {
    return { status: 'skipped', message: 'It was not stopped.' };
  }
  let isClosed = false;
  const close = async () => {
    await insist(world.clock, () => world.journal.close(stopped.entry));
    isClosed = true;
  };
  try {
    return await bringBack(context, stopped, step.timeoutMs, close);
  } finally {
    if (!isClosed) {
      world.leftBehind.ring();
    }
  }
};

async function bringBack(
  context: ServiceContext,
  stopped: StoppedByUs,
  startTimeoutMs: number,
  close: () => Promise<void>,
): Promise<StepOutcome> {
  const { world, isSettled } = context;
  const { entry, endsBy, before, version } = stopped;
  // Where all of it was seen to end, nothing of it runs on a node that has gone down since.
  const known = version === undefined ? entry : { ...entry, nodeIds: [] };
  if (entry.restoring.length > 0 && !isSettled) {
    await settleHalfDone(world, known, endsBy);
  }
  const wasWritten = await isWritten(world, stopped);
  const comeback = await scaleBack(world, known, endsBy);
  if (comeback.status === 'gone') {
    await close();
    return fail('target_gone', 'Somebody removed the service meanwhile.');
  }
  const { service } = comeback;
  const timeoutMs = startTimeoutMs + world.settings.timeouts.pendingMs;
  const outcome = await awaitTasksRun(world, service, timeoutMs, context.onProgress, before);
  // Else the note stays, for what is to be done once there is a node for each task.
  if (await settleReplicas(world, entry)) {
    await close();
  }
  if (wasWritten) {
    const message =
      'Somebody else wrote the service while it was stopped, so its volumes may have changed meanwhile: do not trust ' +
      `what was made of them. It has ${plural(service.replicas ?? 0, 'replica')} now.`;
    return { ...fail('written_meanwhile', message), ...(!outcome.isRunning && { tasks: outcome.tasks }) };
  }
  if (outcome.isRunning) {
    return { status: 'succeeded', message: `${outcome.message}${await describeMove(context)}` };
  }
  // Whoever restores wants it to run; a backup leaves it as it was.
  return outcome.isAsBefore && entry.restoring.length === 0
    ? {
        status: 'succeeded',
        message: outcome.message,
        tasks: outcome.tasks,
        warnings: [{ code: 'not_running', message: outcome.message }],
      }
    : notStarted(outcome);
}

/** On half of the old content and half of the new no service may start. */
async function settleHalfDone(world: EngineWorld, stopped: StoppedService, until: Date): Promise<void> {
  try {
    await settleVolumes(world, stopped, until);
  } catch (error) {
    if (!(error instanceof OperationError) || error.code === 'not_stopped') {
      throw error;
    }
    const message = `${error.message} The service stays stopped until they are; that is tried again all the time.`;
    throw new OperationError(error.code, message, { cause: error });
  }
}

/** Whether the service is not as `stop` left it. Where that did not come to its end, nothing relies on it. */
async function isWritten({ swarm, clock }: EngineWorld, { entry, version }: StoppedByUs): Promise<boolean> {
  if (version === undefined) {
    return false;
  }
  const now = await insist(clock, () => swarm.getService(entry.serviceId));
  return now !== undefined && (now.version !== version || now.replicas !== 0);
}

function notStarted({ hasFailed, message, tasks }: RunOutcome): StepOutcome {
  const error = { code: 'not_started' as const, message };
  return { status: hasFailed ? 'failed' : 'timed_out', message, tasks, error };
}

function fail(code: OperationErrorCode, message: string): StepOutcome {
  return { status: 'failed', message, error: { code, message } };
}
