import { canBeInArchiveName, dateOfBackupId, parseArchiveName } from '../../core/archive-name.ts';
import { type BackupStore, localBackupsVolume, type StoredArchive } from '../../core/backup.ts';
import { OperationError } from '../../core/errors.ts';
import type { HelperService } from '../../core/helper.ts';
import { helperName } from '../../core/helper-name.ts';
import { readFiles, readSnapshots } from '../../core/store-listing.ts';
import { createGate } from '../gate.ts';
import { runPlacedHelper } from '../run-placed-helper.ts';
import { settleAll } from '../settle-all.ts';
import type { EngineWorld } from '../steps/step-executor.ts';
import type { Node } from '../swarm.ts';
import { linesOf } from './helper-output.ts';
import { type Looking, listVolumes } from './list-volumes.ts';
import { listSnapshots } from './programs/restic-scripts.ts';
import { resticExit } from './programs/restic-shell.ts';
import { exitCodeOf, runRestic } from './programs/run-restic.ts';
import { rcloneAccess } from './store-access.ts';

/** What helps to read the names of archives. */
export interface KnownNames {
  readonly volumes: readonly string[];
  readonly nodes: readonly string[];
}

/** More than anybody keeps. What a store has beyond it is not looked at. */
const MAX_ENTRIES = 50_000;
/** Who may see the backups of one service makes helpers on every node with that. */
const NODES_AT_ONCE = 10;
/** Of rclone: there is no such folder, or no such bucket. @see https://rclone.org/docs/#exit-code */
const RCLONE_NOT_FOUND = 3;
/** A server that does not answer is given up on, long before the helper is. */
const RCLONE_PATIENCE = [
  '--retries',
  '1',
  '--low-level-retries',
  '3',
  '--contimeout',
  '15s',
  '--timeout',
  '30s',
];

/**
 * Every archive or snapshot of a service that a store has. What is in it and is none of ours is passed over: whoever may
 * write there may name things as he likes.
 * @param nodes that helpers can run on, at least one; of the target `local` those whose backups are looked for
 * @throws OperationError `store_unavailable`, `timed_out`, `helper_busy`, `backup_target_incomplete`; `helper_failed` for a node
 *   that does not say which volumes it has
 * @throws SwarmError
 */
export async function listArchives(
  world: EngineWorld,
  store: BackupStore,
  nodes: readonly Node[],
  looking: Looking,
  known: KnownNames,
): Promise<readonly StoredArchive[]> {
  if (store.target.kind === 's3') {
    const [node] = nodes;
    return node === undefined ? [] : listOn(world, store, node, looking, known);
  }
  const gate = createGate(NODES_AT_ONCE);
  const lists = await settleAll(
    nodes.map(node =>
      gate.pass(async () => {
        // A helper that mounted it would make it.
        const { local } = await listVolumes(world, looking, node);
        const found = local.has(localBackupsVolume) ? await listOn(world, store, node, looking, known) : [];
        return found.map(archive => ({ ...archive, nodeId: node.id }));
      }),
    ),
  );
  return lists.flat();
}

async function listOn(
  world: EngineWorld,
  store: BackupStore,
  node: Node,
  { service, step, timeoutMs }: Looking,
  known: KnownNames,
): Promise<readonly StoredArchive[]> {
  const call = { name: helperName(`${step}-backups`, service, node.id), nodeId: node.id, timeoutMs };
  const failure = `The backups of ${service.name} can't be listed`;
  if (store.engine === 'restic') {
    // Without a lock: nobody else is at work on the service, and its keys may be allowed to read only.
    const outcome = await runRestic(world, store, {
      ...call,
      owner: service,
      script: listSnapshots,
      values: [],
      lockMs: 0,
      isReadOnly: true,
    });
    return exitCodeOf(outcome) === resticExit.noRepository
      ? []
      : snapshotsOf(linesOf(outcome, failure, 'store_unavailable').join('\n'), store);
  }
  const outcome = await runPlacedHelper(world, { ...rcloneList(world, store), ...call, printsData: true });
  if (exitCodeOf(outcome) !== RCLONE_NOT_FOUND) {
    return archivesOf(linesOf(outcome, failure, 'store_unavailable').join('\n'), known);
  }
  if (store.target.kind === 's3') {
    // A prefix without objects is no fault there.
    throw new OperationError('store_unavailable', `There is no bucket ${store.target.bucket}.`);
  }
  return [];
}

type Listing = Pick<HelperService, 'image' | 'command' | 'mounts' | 'environment' | 'secrets'>;

function rcloneList(world: EngineWorld, store: BackupStore): Listing {
  const { root, environment, secrets, mounts } = rcloneAccess(store, { isReadOnly: true });
  const options = ['--files-only', '--no-modtime', '--no-mimetype', ...RCLONE_PATIENCE];
  return {
    image: world.settings.backupImages.rclone,
    command: ['rclone', 'lsjson', ...options, root],
    ...{ environment, secrets, mounts },
  };
}

function archivesOf(json: string, { volumes, nodes }: KnownNames): readonly StoredArchive[] {
  return read(readFiles, json).flatMap(({ name, sizeBytes }) => {
    const parsed = parseArchiveName(name, volumes, nodes);
    return parsed === undefined ? [] : [{ name, sizeBytes, ...parsed }];
  });
}

/** In restic's order, the oldest first. */
function snapshotsOf(json: string, { prefix }: BackupStore): readonly StoredArchive[] {
  return read(readSnapshots, json)
    .filter(
      ({ service, node, volume, backup }) =>
        service === prefix &&
        [node, volume].every(canBeInArchiveName) &&
        dateOfBackupId(backup) !== undefined,
    )
    .map(({ id, service: _, ...snapshot }) => ({ name: id, ...snapshot }));
}

function read<T>(readListing: (json: string) => readonly T[], json: string): readonly T[] {
  try {
    return readListing(json).slice(0, MAX_ENTRIES);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new OperationError('helper_failed', 'The list of backups can not be read.', { cause: error });
    }
    throw error;
  }
}
