import type { WrittenArchive } from '../../core/archive-checksum.ts';
import type { VolumePlace, VolumeReport } from '../../core/backup.ts';
import { type ListedSnapshot, readSnapshots } from '../../core/store-listing.ts';
import { type BackupJob, type BackupProgram, byStore } from './backup-job.ts';
import { resticAccess } from './store-access.ts';
import { StoreFailure } from './store-commands.ts';
import { inspectRepository, removeSnapshots, shell, writeSnapshot } from './store-scripts.ts';

const SNAPSHOTS_AT_ONCE = 200;

/** Snapshots in a repository of the service's own. Nobody else works on it, for the service is locked. */
export const restic: BackupProgram = {
  // They would wait for each other's locks.
  isParallel: false,

  async write(job, place) {
    const { nodeId, nodeName: node, volume } = place;
    const { store, backup } = job;
    const lines = await write(job, place);
    const summary = readSummary(lines);
    if (summary === undefined) {
      throw new StoreFailure(`restic did not say what it made of volume ${volume} of ${node}.`);
    }
    const where = store.target.kind === 'local' ? { nodeId } : {};
    return { ...summary, node, volume, backup, ...where };
  },

  async inspect(job, written) {
    const { world, store, run } = job;
    const items = written.map(item => ({ ...item, nodeId: item.place.nodeId }));
    const stores = await Promise.all(
      byStore(store, items).map(async ([nodeId, own]) => {
        const lines = await run({
          failure: 'The repository is not whole, or could not be read',
          place: nodeId,
          nodeId,
          image: world.settings.backupImages.restic,
          command: shell(inspectRepository, store.prefix),
          access: resticAccess(store),
        });
        const snapshots = readListing(lines.join('\n')).filter(({ service }) => service === store.prefix);
        return { nodeId, snapshots, volumes: own.map(({ archive }) => findReport(snapshots, archive)) };
      }),
    );
    return {
      volumes: stores.flatMap(({ volumes }) => volumes),
      kept: stores.flatMap(({ nodeId, snapshots }) =>
        snapshots.map(({ id, node, volume, backup }) => ({
          name: id,
          nodeId,
          stem: `${node}\n${volume}`,
          backup,
        })),
      ),
    };
  },

  async remove({ world, store, run }, archives) {
    for (const [nodeId, items] of byStore(store, archives)) {
      for (let start = 0; start < items.length; start += SNAPSHOTS_AT_ONCE) {
        const ids = items.slice(start, start + SNAPSHOTS_AT_ONCE).map(({ name }) => name);
        await run({
          failure: 'Snapshots that are too old were not removed',
          place: `${nodeId} ${start}`,
          nodeId,
          image: world.settings.backupImages.restic,
          command: shell(removeSnapshots, ...ids),
          access: resticAccess(store),
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

function write({ world, store, backup, run }: BackupJob, place: VolumePlace) {
  const { nodeId, nodeName, volume } = place;
  return run({
    failure: `Volume ${volume} of ${nodeName} was not uploaded`,
    place: `${nodeId} ${volume}`,
    nodeId,
    image: world.settings.backupImages.restic,
    command: shell(writeSnapshot, volume, nodeName, store.prefix, backup),
    access: resticAccess(store),
    mounts: [{ type: 'volume', source: volume, target: `/backup/${volume}`, isReadOnly: true }],
    // Files of whatever owner are read, and nothing else can be done to them.
    capabilities: ['CAP_DAC_READ_SEARCH'],
  });
}

/** @see https://restic.readthedocs.io/en/stable/075_scripting.html#backup (summary) */
function readSummary(
  lines: readonly string[],
): { readonly name: string; readonly sizeBytes: number } | undefined {
  try {
    const summary = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
    const { snapshot_id: name, total_bytes_processed: sizeBytes } = summary;
    return typeof name === 'string' && /^[0-9a-f]{8,64}$/.test(name) && typeof sizeBytes === 'number'
      ? { name, sizeBytes }
      : undefined;
  } catch {
    return undefined;
  }
}
