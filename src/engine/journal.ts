import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { VolumePlace } from '../core/backup.ts';
import { OperationError } from '../core/errors.ts';
import { type Swarm, type SwarmConfig, SwarmError } from './swarm.ts';

/** What was done to a service and must be undone, whatever becomes of this process. */
export interface StoppedService {
  readonly serviceId: string;
  readonly serviceName: string;
  /** What it had before it was scaled to 0. */
  readonly replicas: number;
  /** Volumes that are being restored: what lies beside their content is finished or removed before the start. */
  readonly restoring: readonly VolumePlace[];
}

/** An entry as it is in the swarm. */
export interface JournalEntry extends StoppedService {
  readonly id: string;
  readonly owner: string;
}

/**
 * What must be undone, in the swarm's own Raft store before it is done: a Docker config for each service, whose name makes
 * the swarm itself refuse a second one.
 */
export interface Journal {
  /**
   * Writes an entry.
   * @throws OperationError `busy` when there is one for this service already
   * @throws SwarmError
   */
  open(stopped: StoppedService): Promise<JournalEntry>;
  /** Removes an entry: nothing is left to undo. */
  close(entry: JournalEntry): Promise<void>;
  /** All entries, of whichever owner. What can't be read as one is passed over. */
  list(): Promise<readonly JournalEntry[]>;
}

const journalLabel = 'swarm-utils.journal';

const placeSchema = z.strictObject({ nodeId: z.string(), nodeName: z.string(), volume: z.string() });
const stoppedSchema = z.strictObject({
  serviceId: z.string(),
  serviceName: z.string(),
  replicas: z.int().min(0),
  restoring: z.array(placeSchema),
});

/** @param owner who writes the entries */
export function createJournal(swarm: Swarm, owner: string): Journal {
  return {
    async open(stopped) {
      try {
        const id = await swarm.createConfig({
          name: nameOf(stopped.serviceId),
          labels: { [journalLabel]: owner },
          data: JSON.stringify(stopped),
        });
        return { ...stopped, id, owner };
      } catch (error) {
        if (error instanceof SwarmError && error.code === 'name_conflict') {
          const message = `Another operation has stopped ${stopped.serviceName} and not started it yet. Try again later.`;
          throw new OperationError('busy', message, { cause: error });
        }
        throw error;
      }
    },
    close: ({ id }) => swarm.removeConfig(id),
    list: async () => (await swarm.listConfigs(journalLabel)).flatMap(readEntry),
  };
}

function nameOf(serviceId: string): string {
  return `swarm-utils-stopped-${createHash('sha256').update(serviceId).digest('hex').slice(0, 16)}`;
}

function readEntry({ id, labels, data }: SwarmConfig): readonly JournalEntry[] {
  try {
    return [{ ...stoppedSchema.parse(JSON.parse(data)), id, owner: labels[journalLabel] ?? '' }];
  } catch {
    // Not ours, whatever its label says.
    return [];
  }
}
