import { chooseOutdated } from '../../core/retention.ts';
import type { ServiceWork } from '../../core/step.ts';
import { backupPrograms } from '../backup/programs.ts';
import { withStoreCommands } from '../backup/store-commands.ts';
import type { StepExecutor } from './step-executor.ts';
import { locatedOf } from './upload.ts';

/**
 * Removes what is older than the retention, of what `verify-backup` listed: exact names in the service's own folder, and
 * never the newest of a volume.
 * @throws OperationError `backup_target_incomplete`, `helper_busy`
 */
export const forgetBackups: StepExecutor<ServiceWork & { kind: 'forget-backups' }> = async (
  context,
  step,
) => {
  const { world, kept = [] } = context;
  const { store } = step.work;
  const { backup } = locatedOf(context);
  const { retentionDays } = store;
  const outdated = chooseOutdated(kept, { now: world.clock.now(), retentionDays });
  if (outdated.length === 0) {
    return { status: 'skipped', message: `Nothing is older than ${retentionDays} days.` };
  }
  const outcome = await withStoreCommands(context, step, store, 'backups_not_removed', async runner => {
    await backupPrograms[store.engine].remove({ world, store, backup, ...runner }, outdated);
    return {
      status: 'succeeded',
      message: `Removed ${outdated.length} that were older than ${retentionDays} days.`,
    };
  });
  if (outcome.error === undefined) {
    return outcome;
  }
  const message = `The backup itself is good. ${outcome.error.message}`;
  return { ...outcome, message, error: { ...outcome.error, message } };
};
