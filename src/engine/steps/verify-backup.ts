import type { ServiceWork } from '../../core/step.ts';
import { backupPrograms } from '../backup/programs.ts';
import { withStoreCommands } from '../backup/store-commands.ts';
import type { StepExecutor } from './step-executor.ts';
import { locatedOf } from './upload.ts';

/**
 * Reads from the store that what was written is there, and whole: size and checksum of archives; of snapshots that the
 * repository is consistent and has them.
 * @throws OperationError `backup_target_incomplete`, `helper_busy`
 */
export const verifyBackup: StepExecutor<ServiceWork & { kind: 'verify-backup' }> = (context, step) =>
  withStoreCommands(context, step, 'backup_not_whole', async run => {
    const { store } = step.work;
    const { backup, places } = locatedOf(context);
    const { uploaded = [] } = context;
    const written = uploaded.flatMap(archive => {
      const place = places.find(
        ({ nodeName, volume }) => nodeName === archive.node && volume === archive.volume,
      );
      return place === undefined ? [] : [{ archive, place }];
    });
    const job = { world: context.world, store, backup, run };
    const { volumes, kept, note } = await backupPrograms[store.engine].inspect(job, written);
    context.kept = kept;
    const message = `All ${volumes.length} are in the store, whole.${note === undefined ? '' : ` ${note}`}`;
    return { status: 'succeeded', message, volumes };
  });
