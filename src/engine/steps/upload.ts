import type { WrittenArchive } from '../../core/archive-checksum.ts';
import type { VolumePlace } from '../../core/backup.ts';
import type { ServiceWork } from '../../core/step.ts';
import { backupPrograms } from '../backup/programs.ts';
import { withStoreCommands } from '../backup/store-commands.ts';
import { settleAll } from '../settle-all.ts';
import type { ServiceContext, StepExecutor } from './step-executor.ts';

/**
 * Writes each located volume to the store: several nodes at the same time where the program can, the volumes of one node
 * one after the other. After a failure nothing more is begun, and what is being written is waited for.
 * @throws OperationError `backup_target_incomplete`, `helper_busy`
 */
export const upload: StepExecutor<ServiceWork & { kind: 'upload' }> = (context, step) =>
  withStoreCommands(context, step, step.work.store, 'upload_failed', async runner => {
    const { world, onProgress } = context;
    const { store } = step.work;
    const { backup, places } = locatedOf(context);
    const program = backupPrograms[store.engine];
    const job = { world, store, backup, ...runner };
    const written = new Map<VolumePlace, WrittenArchive>();
    let hasFailed = false;
    const write = async (place: VolumePlace) => {
      onProgress(`Uploading ${place.volume} from ${place.nodeName}.`);
      written.set(place, await program.write(job, place));
      onProgress(`Uploaded ${place.volume} from ${place.nodeName}.`);
    };
    const writeAll = async (inTurn: readonly VolumePlace[]) => {
      for (const place of inTurn) {
        if (!hasFailed) {
          await write(place).catch(error => {
            hasFailed = true;
            throw error;
          });
        }
      }
    };
    const turns = program.isParallel ? [...Map.groupBy(places, ({ nodeId }) => nodeId).values()] : [places];
    await settleAll(turns.map(writeAll));
    const archives = places.flatMap(place => written.get(place) ?? []);
    context.uploaded = archives;
    return {
      status: 'succeeded',
      message: `Backup ${backup}: uploaded ${archives.length} volumes.`,
      volumes: archives.map(({ node, volume, name, sizeBytes }) => ({
        node,
        volume,
        archive: name,
        ...(sizeBytes !== undefined && { sizeBytes }),
      })),
    };
  });

export function locatedOf({ located }: ServiceContext): NonNullable<ServiceContext['located']> {
  if (located === undefined) {
    throw new TypeError('Volumes are located before they are uploaded.');
  }
  return located;
}
