import type { WrittenArchive } from '../../core/archive-checksum.ts';
import { readSummary } from '../../core/backup/restic-summary.ts';
import type { VolumePlace, VolumeReport } from '../../core/backup.ts';
import { type ListedSnapshot, readSnapshots } from '../../core/store-listing.ts';
import { type BackupJob, type BackupProgram, byStore } from './backup-job.ts';
import { inspectRepository, removeSnapshots, writeSnapshot } from './programs/restic-scripts.ts';
import { resticExit } from './programs/restic-shell.ts';
import { StoreFailure } from './store-commands.ts';

const SNAPSHOTS_AT_ONCE = 200;
/** The service is down meanwhile, and `locate` has seen that nobody is at work in the repository. */
const UPLOAD_LOCK_MS = 30_000;
/** Nobody waits for what comes later. */
const LOCK_MS = 120_000;
const MAX_NAMED = 10;

/** Snapshots in a repository of the service's own. Of ours nobody else works on it, for the service is locked. */
export const restic: BackupProgram = {
  // They would wait for each other's locks.
  isParallel: false,

  async write(job, place) {
    const { nodeId, nodeName: node, volume } = place;
    const { store, backup } = job;
    const { lines, exitCode } = await write(job, place);
    const summary = readSummary(lines, `/backup/${volume}`);
    if (summary === undefined) {
      throw new StoreFailure(`restic did not say what it made of volume ${volume} of ${node}.`);
    }
    const { name, sizeBytes, vanished, unreadable, marked } = summary;
    if (exitCode === resticExit.incomplete && !(unreadable.length === 0 && vanished.length > 0)) {
      throw new StoreFailure(describeIncomplete(place, unreadable, marked), { code: 'backup_not_whole' });
    }
    const where = store.target.kind === 'local' ? { nodeId } : {};
    return { name, sizeBytes, node, volume, backup, ...where };
  },

  async inspect(job, written, depth) {
    const { store, runRestic } = job;
    const items = written.map(item => ({ ...item, nodeId: item.place.nodeId }));
    const stores = await Promise.all(
      byStore(store, items).map(async ([nodeId, own]) => {
        const { lines } = await runRestic({
          failure: 'The check of the repository did not end well',
          place: nodeId,
          nodeId,
          script: inspectRepository,
          values: [store.prefix, depth, ...own.map(({ archive }) => archive.name)],
          lockMs: LOCK_MS,
        });
        const snapshots = readListing(lines.join('\n')).filter(({ service }) => service === store.prefix);
        return { nodeId, snapshots, volumes: own.map(({ archive }) => findReport(snapshots, archive)) };
      }),
    );
    return {
      volumes: stores.flatMap(({ volumes }) => volumes),
      kept: stores.flatMap(({ nodeId, snapshots }) =>
        snapshots.map(({ id, node, volume, backup, isIncomplete }) => ({
          name: id,
          nodeId,
          stem: `${node}\n${volume}`,
          backup,
          ...(isIncomplete && { isIncomplete }),
        })),
      ),
    };
  },

  async remove({ store, runRestic }, archives) {
    for (const [nodeId, items] of byStore(store, archives)) {
      for (let start = 0; start < items.length; start += SNAPSHOTS_AT_ONCE) {
        await runRestic({
          failure: 'Snapshots that are too old were not removed',
          place: `${nodeId} ${start}`,
          nodeId,
          script: removeSnapshots,
          values: items.slice(start, start + SNAPSHOTS_AT_ONCE).map(({ name }) => name),
          lockMs: LOCK_MS,
        });
      }
    }
  },
};

/** restic before 0.15 says only the beginning of an id when it has written a snapshot. */
function findReport(snapshots: readonly ListedSnapshot[], archive: WrittenArchive): VolumeReport {
  const { node, volume, backup, name, sizeBytes } = archive;
  const found = snapshots.find(
    snapshot =>
      snapshot.id.startsWith(name) &&
      snapshot.node === node &&
      snapshot.volume === volume &&
      snapshot.backup === backup,
  );
  if (found === undefined) {
    throw new StoreFailure(`Snapshot ${name} of volume ${volume} of ${node} is not in the repository.`);
  }
  return { node, volume, archive: found.id, ...(sizeBytes !== undefined && { sizeBytes }) };
}

function readListing(json: string): readonly ListedSnapshot[] {
  try {
    return readSnapshots(json);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new StoreFailure('What is in the repository could not be read as a whole.');
    }
    throw error;
  }
}

function write({ store, backup, runRestic }: BackupJob, { nodeId, nodeName, volume }: VolumePlace) {
  return runRestic({
    failure: `Volume ${volume} of ${nodeName} was not uploaded`,
    place: `${nodeId} ${volume}`,
    nodeId,
    script: writeSnapshot,
    values: [volume, nodeName, store.prefix, backup],
    lockMs: UPLOAD_LOCK_MS,
    mounts: [{ type: 'volume', source: volume, target: `/backup/${volume}`, isReadOnly: true }],
    // Files of whatever owner are read, and nothing else can be done to them.
    capabilities: ['CAP_DAC_READ_SEARCH'],
    alsoGood: resticExit.incomplete,
  });
}

function describeIncomplete(
  { nodeName, volume }: VolumePlace,
  unreadable: readonly string[],
  marked: string | undefined,
): string {
  const what =
    unreadable.length === 0 ? 'Something' : `${unreadable.length} files or folders: ${nameSome(unreadable)},`;
  const kept =
    marked === undefined
      ? 'Its snapshot was removed, for it could not be marked as incomplete.'
      : `The snapshot ${marked.slice(0, 8)} has the rest. It is marked as incomplete, so a restore takes it by this name only.`;
  return `Volume ${volume} of ${nodeName} was not read as a whole. ${what} could not be read. ${kept}`;
}

function nameSome(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return `${names.slice(0, MAX_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
