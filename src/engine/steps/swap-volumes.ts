import type { ServiceWork } from '../../core/step.ts';
import { finishVolumes } from '../backup/finish-restore.ts';
import { findOldTasks } from '../old-tasks.ts';
import type { StepExecutor } from './step-executor.ts';
import { oldTasksQuestion } from './tasks-end.ts';

/**
 * Puts what was unpacked in the place of the old content, where all of it came whole; else removes it. Until the former is
 * done in all volumes the service must not start.
 * @throws OperationError `restore_failed`, `helper_busy`
 * @throws SwarmError
 */
export const swapVolumes: StepExecutor<ServiceWork & { kind: 'swap-volumes' }> = async (context, step) => {
  const { world, chosen = [], isFetched } = context;
  // As long as nothing is swapped the old content is whole, whatever lies beside it.
  context.isSettled = isFetched !== true;
  if (isFetched === undefined) {
    return { status: 'skipped', message: 'Nothing was unpacked.' };
  }
  const places = chosen.map(({ place }) => place);
  // What runs has the old content open, and would go on writing to it once it is gone.
  const isInUse = isFetched && (await findOldTasks(world, oldTasksQuestion(context))).length > 0;
  const { reports } = await finishVolumes(world, places, {
    timeoutMs: step.timeoutMs,
    isComplete: isFetched && !isInUse,
  });
  context.isSettled = true;
  const helper = {
    name: [...new Set(reports.map(({ name }) => name))].join(', '),
    tasks: reports.flatMap(({ tasks }) => tasks),
  };
  if (isInUse) {
    const message =
      'Somebody started the service while the backup was unpacked, so nothing was changed: what was unpacked is removed.';
    return { status: 'failed', message, helper, error: { code: 'written_meanwhile', message } };
  }
  return isFetched
    ? { status: 'succeeded', message: 'The new content has taken the place of the old.', helper }
    : { status: 'succeeded', message: 'Nothing was changed: what was unpacked is removed.', helper };
};
