import type { ServiceWork } from '../../core/step.ts';
import { backupPrograms } from '../backup/programs.ts';
import { withStoreCommands } from '../backup/store-commands.ts';
import type { StepExecutor } from './step-executor.ts';
import { locatedOf } from './upload.ts';

/**
 * Reads from the store that what was written is there, and whole, as deep as the labels say: size and checksum of archives; of
 * snapshots that all that they name is there and a part of it can be read, or that the whole repository is consistent.
 * @throws OperationError `backup_target_incomplete`, `helper_busy`
 */
export const verifyBackup: StepExecutor<ServiceWork & { kind: 'verify-backup' }> = async (context, step) => {
  const { store, depth } = step.work;
  const { backup, places } = locatedOf(context);
  const { world, uploaded = [] } = context;
  const outcome = await withStoreCommands(context, step, store, 'backup_not_whole', async runner => {
    const written = uploaded.flatMap(archive => {
      const place = places.find(
        ({ nodeName, volume }) => nodeName === archive.node && volume === archive.volume,
      );
      return place === undefined ? [] : [{ archive, place }];
    });
    const job = { world, store, backup, ...runner };
    const { volumes, kept, note } = await backupPrograms[store.engine].inspect(job, written, depth);
    context.kept = kept;
    const message = `All ${volumes.length} are in the store, whole.${note === undefined ? '' : ` ${note}`}`;
    return { status: 'succeeded', message, volumes };
  });
  if (outcome.status !== 'timed_out' || outcome.error === undefined) {
    return outcome;
  }
  // Nothing is known of what was written but that it was.
  const message =
    `The backup is written, and was not checked to the end. ${outcome.error.message} ` +
    'The label swarm-utils.backup.verify.timeout gives the check more time.';
  return { ...outcome, message, error: { ...outcome.error, message } };
};
