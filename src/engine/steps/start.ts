import { OperationError, type OperationErrorCode } from '../../core/errors.ts';
import type { ServiceWork } from '../../core/step.ts';
import { awaitTasksRun, type RunOutcome } from '../await-tasks.ts';
import { finishRestore } from '../backup/finish-restore.ts';
import { scaleBack, settleReplicas } from '../bring-back.ts';
import { insist } from '../insist.ts';
import type { JournalEntry } from '../journal.ts';
import { describeMove } from './describe-move.ts';
import type { EngineWorld, ServiceContext, StepExecutor, StepOutcome } from './step-executor.ts';

/**
 * Gives the service what it had before `stop`, and waits until that runs. What somebody else wrote meanwhile is left as it
 * is, but not passed over: the volumes may have changed while they were read.
 * @throws OperationError `update_conflict`, `restore_failed`
 * @throws SwarmError; after each of them the journal keeps what is to be done
 */
export const start: StepExecutor<ServiceWork & { kind: 'start' }> = async (context, step) => {
  const { world, stopped, isSettled } = context;
  if (stopped === undefined) {
    return { status: 'skipped', message: 'It was not stopped.' };
  }
  if (stopped.restoring.length > 0 && !isSettled) {
    await settleVolumes(world, stopped);
  }
  const wasWritten = await isWritten(context);
  const comeback = await scaleBack(world, stopped);
  if (comeback.status === 'gone') {
    await insist(world.clock, () => world.journal.close(stopped));
    return fail('target_gone', 'Somebody removed the service meanwhile.');
  }
  const { service } = comeback;
  const timeoutMs = step.timeoutMs + world.settings.timeouts.pendingMs;
  const outcome = await awaitTasksRun(world, service, timeoutMs, context.onProgress);
  // Else the note stays, for what is to be done once there is a node for each task.
  if (await settleReplicas(world, stopped)) {
    await insist(world.clock, () => world.journal.close(stopped));
  }
  if (wasWritten) {
    const message =
      'Somebody else wrote the service while it was stopped, so its volumes may have changed meanwhile: do not trust ' +
      `what was made of them. It has ${service.replicas} replicas now.`;
    return { ...fail('written_meanwhile', message), ...(!outcome.isRunning && { tasks: outcome.tasks }) };
  }
  return outcome.isRunning
    ? { status: 'succeeded', message: `${outcome.message}${await describeMove(context)}` }
    : notStarted(outcome);
};

/** On half of the old content and half of the new no service may start. */
async function settleVolumes(world: EngineWorld, { restoring }: JournalEntry): Promise<void> {
  try {
    await finishRestore(world, restoring);
  } catch (error) {
    if (!(error instanceof OperationError)) {
      throw error;
    }
    const message = `${error.message} The service stays stopped until they are; that is tried again all the time.`;
    throw new OperationError(error.code, message, { cause: error });
  }
}

/** Whether the service is not as `stop` left it. Where that did not come to its end, nothing relies on it. */
async function isWritten({ world, service, stoppedVersion }: ServiceContext): Promise<boolean> {
  if (stoppedVersion === undefined) {
    return false;
  }
  const now = await insist(world.clock, () => world.swarm.getService(service.id));
  return now !== undefined && (now.version !== stoppedVersion || now.replicas !== 0);
}

function notStarted({ hasFailed, message, tasks }: RunOutcome): StepOutcome {
  const error = { code: 'not_started' as const, message };
  return { status: hasFailed ? 'failed' : 'timed_out', message, tasks, error };
}

function fail(code: OperationErrorCode, message: string): StepOutcome {
  return { status: 'failed', message, error: { code, message } };
}
