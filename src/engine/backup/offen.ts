import { areSameSums, provesSums, readSums, showChecksum } from '../../core/archive-checksum.ts';
import { archiveName, splitArchiveName } from '../../core/archive-name.ts';
import type { VerifyDepth, VolumeReport } from '../../core/backup.ts';
import { type ListedFile, readEntityTags, readFiles } from '../../core/store-listing.ts';
import { type BackupJob, type BackupProgram, byStore, type PlacedArchive } from './backup-job.ts';
import { offenAccess, rcloneAccess } from './store-access.ts';
import { StoreFailure } from './store-commands.ts';
import { inspectFolder, removeArchives, sections, shell, writeArchive } from './store-scripts.ts';

/** Far below what a system takes as arguments. */
const NAMES_AT_ONCE = 200;
const scratch = { type: 'scratch', target: '/tmp' } as const;

/** Archives, written by the program of offen/docker-volume-backup, and looked after with rclone. */
export const offen: BackupProgram = {
  isParallel: true,

  async write({ world, store, backup, run }, place) {
    const { nodeId, nodeName: node, volume } = place;
    const name = archiveName(place, backup);
    const access = offenAccess(store);
    const source = `/backup/${volume}`;
    // Formatted as a time by it.
    const settings = {
      BACKUP_SOURCES: source,
      BACKUP_FILENAME: name.replaceAll('%', '%%'),
      BACKUP_COMPRESSION: 'gz',
    };
    const lines = await run({
      failure: `Volume ${volume} of ${node} was not uploaded`,
      place: `${nodeId} ${volume}`,
      nodeId,
      image: world.settings.backupImages.offen,
      command: shell(writeArchive, name),
      access: { ...access, environment: { ...access.environment, ...settings } },
      mounts: [{ type: 'volume', source: volume, target: source, isReadOnly: true }],
      // Files of whatever owner are read, and nothing else can be done to them.
      capabilities: ['CAP_DAC_READ_SEARCH'],
    });
    const sums = readSums(lines);
    if (sums === undefined) {
      throw new StoreFailure(`The archive of volume ${volume} of ${node} was not measured.`);
    }
    const where = store.target.kind === 'local' ? { nodeId } : {};
    return { name, node, volume, backup, sizeBytes: sums.sizeBytes, sums, ...where };
  },

  async inspect(job, written, depth) {
    const stores = await Promise.all(
      byStore(job.store, written.map(withNode)).map(([nodeId, items]) =>
        inspectStore(job, nodeId, items, depth),
      ),
    );
    const readAgain = stores.reduce((sum, { readCount }) => sum + readCount, 0);
    return {
      volumes: stores.flatMap(({ volumes }) => volumes),
      kept: stores.flatMap(({ nodeId, files }) =>
        files.flatMap(({ name }) => {
          const split = splitArchiveName(name);
          return split === undefined ? [] : [{ name, nodeId, ...split }];
        }),
      ),
      ...(readAgain > 0 && {
        note: `The server's tags are no checksums of ${readAgain} archives, so these were read as a whole.`,
      }),
    };
  },

  async remove({ world, store, run }, archives) {
    for (const [nodeId, items] of byStore(store, archives)) {
      for (let start = 0; start < items.length; start += NAMES_AT_ONCE) {
        const access = rcloneAccess(store);
        const names = items.slice(start, start + NAMES_AT_ONCE).map(({ name }) => name);
        await run({
          failure: 'Archives that are too old were not removed',
          place: `${nodeId} ${start}`,
          nodeId,
          image: world.settings.backupImages.rclone,
          command: shell(removeArchives, access.root, ...names),
          access,
          mounts: [scratch],
        });
      }
    }
  },
};

type Item = PlacedArchive & { readonly nodeId: string };

function withNode(item: PlacedArchive): Item {
  return { ...item, nodeId: item.place.nodeId };
}

async function inspectStore(job: BackupJob, nodeId: string, items: readonly Item[], depth: VerifyDepth) {
  const isLocal = job.store.target.kind === 'local';
  const names = items.map(({ archive }) => archive.name);
  const first = await inspectNode(job, nodeId, isLocal ? names : []);
  const sizes = new Map(first.files.map(({ name, sizeBytes }) => [name, sizeBytes]));
  for (const { archive } of items) {
    const size = sizes.get(archive.name);
    if (size !== archive.sizeBytes) {
      const what = size === undefined ? 'is not there' : `has ${size} bytes`;
      throw new StoreFailure(`${archive.name} was written with ${archive.sizeBytes} bytes, and ${what}.`);
    }
  }
  // To read it all is deeper than to trust the server's tags.
  const unproven =
    isLocal || depth === 'data'
      ? items
      : items.filter(({ archive: { name, sums } }) => !(sums && provesSums(first.tags.get(name), sums)));
  const again = isLocal || unproven.length === 0 ? first : await inspectNode(job, nodeId, namesOf(unproven));
  for (const { archive } of unproven) {
    const found = again.sums.get(archive.name);
    if (!(archive.sums && found && areSameSums(archive.sums, found))) {
      throw new StoreFailure(`${archive.name} is not what was written: it has another checksum.`);
    }
  }
  return {
    nodeId,
    files: first.files,
    volumes: items.map(reportOf),
    readCount: isLocal || depth === 'data' ? 0 : unproven.length,
  };
}

function namesOf(items: readonly Item[]): readonly string[] {
  return items.map(({ archive }) => archive.name);
}

function reportOf({ archive: { node, volume, name, sizeBytes, sums } }: Item): VolumeReport {
  return {
    node,
    volume,
    archive: name,
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(sums !== undefined && { checksum: showChecksum(sums) }),
  };
}

/** @param names of the archives to read as a whole */
async function inspectNode({ world, store, run }: BackupJob, nodeId: string, names: readonly string[]) {
  const access = rcloneAccess(store, { isReadOnly: true });
  const lines = await run({
    failure: 'What was written could not be read again',
    place: `${nodeId} ${names.length}`,
    nodeId,
    image: world.settings.backupImages.rclone,
    command: shell(inspectFolder, access.root, ...names),
    access,
    mounts: [scratch],
  });
  // The last one: names of others' objects come before it, whatever they hold.
  const [answersAt, archivesAt] = [lines.indexOf(sections.answers), lines.lastIndexOf(sections.archives)];
  if (answersAt < 0 || archivesAt < answersAt) {
    throw new StoreFailure('What is in the store could not be read as a whole.');
  }
  const prefix = store.prefix.length + 1;
  const tags = readEntityTags(lines.slice(answersAt + 1, archivesAt).join('\n'));
  return {
    files: readListing(lines.slice(0, answersAt).join('\n')),
    tags: new Map([...tags].map(([key, tag]) => [key.slice(prefix), tag])),
    sums: readAllSums(lines.slice(archivesAt + 1)),
  };
}

function readListing(json: string): readonly ListedFile[] {
  try {
    return readFiles(json);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new StoreFailure('What is in the store could not be read as a whole.');
    }
    throw error;
  }
}

function readAllSums(lines: readonly string[]) {
  const starts = lines.flatMap((line, index) => (line.startsWith('archive ') ? [index] : []));
  return new Map(
    starts.map((start, index) => {
      const sums = readSums(lines.slice(start + 1, starts[index + 1]));
      return [(lines[start] ?? '').slice('archive '.length), sums];
    }),
  );
}
