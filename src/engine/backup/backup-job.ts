import type { WrittenArchive } from '../../core/archive-checksum.ts';
import type { BackupStore, VerifyDepth, VolumePlace, VolumeReport } from '../../core/backup.ts';
import type { KeptArchive } from '../../core/retention.ts';
import type { EngineWorld } from '../steps/step-executor.ts';
import type { StoreRunner } from './store-commands.ts';

/** One step of a backup, for the programs that do it. */
export interface BackupJob extends StoreRunner {
  readonly world: EngineWorld;
  readonly store: BackupStore;
  /** The id of the backup. */
  readonly backup: string;
}

/** What is in a store after a backup. */
export interface InspectedStore {
  readonly volumes: readonly VolumeReport[];
  /** All that is kept of the service. */
  readonly kept: readonly KeptArchive[];
  /** What is worth saying about how it was seen. */
  readonly note?: string;
}

/** How one of the programs makes backups. Every method throws StoreFailure. */
export interface BackupProgram {
  /** Volumes of several nodes can be written at the same time. */
  readonly isParallel: boolean;
  write(job: BackupJob, place: VolumePlace): Promise<WrittenArchive>;
  /** Sees that what was written is there, and whole. */
  inspect(job: BackupJob, written: readonly PlacedArchive[], depth: VerifyDepth): Promise<InspectedStore>;
  remove(job: BackupJob, archives: readonly KeptArchive[]): Promise<void>;
}

/** What was written, and where from. */
export interface PlacedArchive {
  readonly archive: WrittenArchive;
  readonly place: VolumePlace;
}

/** A node for each store: of S3 one node reaches all, of the target `local` each has its own. */
export function byStore<T extends { readonly nodeId: string }>(
  { target }: BackupStore,
  items: readonly T[],
): readonly (readonly [nodeId: string, items: readonly T[]])[] {
  const [first] = items;
  return first === undefined
    ? []
    : target.kind === 's3'
      ? [[first.nodeId, items]]
      : [...Map.groupBy(items, ({ nodeId }) => nodeId)];
}
