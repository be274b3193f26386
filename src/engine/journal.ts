import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { VolumePlace } from '../core/backup.ts';
import { OperationError } from '../core/errors.ts';
import { labelPrefix } from '../core/label-reader.ts';
import { type Swarm, type SwarmConfig, SwarmError } from './swarm.ts';

/** What was done to a service and must be undone, whatever becomes of this process. */
export interface StoppedService {
  readonly serviceId: string;
  readonly serviceName: string;
  /** What it had before it was scaled to 0. */
  readonly replicas: number;
  /** Volumes that are being restored: what lies beside their content is finished or removed before the start. */
  readonly restoring: readonly VolumePlace[];
  /** Nodes on which it had tasks: the swarm itself forgets those of a node that stays down. */
  readonly nodeIds?: readonly string[];
  /** Nodes that were down, of which an admin said that nothing runs there any more. */
  readonly deadNodeIds?: readonly string[];
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

/** Marks the entries; its value is the owner. */
const journalLabel = `${labelPrefix}journal`;

/** Far more than any service has. */
const MAX_REPLICAS = 1_000_000;
const MAX_PLACES = 10_000;
const MAX_NODES = 10_000;

const nameSchema = z.string().min(1).max(255);
const nodeIdsSchema = z.array(nameSchema).max(MAX_NODES).default([]);
const stoppedSchema = z.strictObject({
  serviceId: nameSchema,
  serviceName: nameSchema,
  replicas: z.int().min(0).max(MAX_REPLICAS),
  restoring: z
    .array(z.strictObject({ nodeId: nameSchema, nodeName: nameSchema, volume: nameSchema }))
    .max(MAX_PLACES),
  // Entries of earlier versions lack them.
  nodeIds: nodeIdsSchema,
  deadNodeIds: nodeIdsSchema,
});

/**
 * @param owner who opens entries here
 * @param onUnreadable told once of each config that is marked as an entry and is none
 */
export function createJournal(
  swarm: Pick<Swarm, 'createConfig' | 'listConfigs' | 'removeConfig'>,
  owner: string,
  onUnreadable: (config: { readonly id: string; readonly name: string }) => void = () => undefined,
): Journal {
  const unreadable = new Set<string>();
  const read = (config: SwarmConfig): readonly JournalEntry[] => {
    const { id, name } = config;
    const entry = readEntry(config);
    if (entry === undefined && !unreadable.has(id)) {
      unreadable.add(id);
      onUnreadable({ id, name });
    }
    return entry === undefined ? [] : [entry];
  };

  return {
    async open(stopped) {
      const { serviceId, serviceName, replicas, restoring, nodeIds = [], deadNodeIds = [] } = stopped;
      const written: StoppedService = {
        serviceId,
        serviceName,
        replicas,
        restoring: restoring.map(({ nodeId, nodeName, volume }) => ({ nodeId, nodeName, volume })),
        nodeIds,
        deadNodeIds,
      };
      const config = {
        name: entryName(serviceId),
        labels: { [journalLabel]: owner },
        data: JSON.stringify(written),
      };
      try {
        return { ...written, id: await swarm.createConfig(config), owner };
      } catch (error) {
        if (!(error instanceof SwarmError && error.code === 'name_conflict')) {
          throw error;
        }
        const message =
          'The service is stopped already, by an operation that is not over. Try again in a moment. If this stays so, ' +
          `see who made the Docker config ${config.name}.`;
        throw new OperationError('busy', message, { cause: error });
      }
    },
    close: ({ id }) => swarm.removeConfig(id),
    async list() {
      return (await swarm.listConfigs(journalLabel)).flatMap(read);
    },
  };
}

function entryName(serviceId: string): string {
  return `swarm-utils-stopped-${createHash('sha256').update(serviceId).digest('hex').slice(0, 32)}`;
}

/** Whoever may make configs can make one with our label: only what `open` would have written is an entry. */
function readEntry({ id, name, labels, data }: SwarmConfig): JournalEntry | undefined {
  const stopped = stoppedSchema.safeParse(parseJson(data)).data;
  return stopped === undefined || entryName(stopped.serviceId) !== name
    ? undefined
    : { ...stopped, id, owner: labels[journalLabel] ?? '' };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
