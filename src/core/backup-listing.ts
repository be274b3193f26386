import { dateOfBackupId } from './archive-name.ts';
import type { BackupSummary, StoredArchive, VolumePlace } from './backup.ts';

/** What is to be restored. */
export interface RestoreWish {
  readonly volumes: readonly string[];
  /** Where the data of these volumes lives: at least one place for each. */
  readonly places: readonly VolumePlace[];
  /** The id of a backup; or the name of one archive, or of a snapshot its id or at least the first eight digits of it. */
  readonly backup?: string;
  readonly now: Date;
}

/** An archive, and the volume that it is restored into. */
export interface ArchiveChoice {
  readonly archive: StoredArchive;
  readonly place: VolumePlace;
}

export type BackupChoice =
  | { readonly isFound: true; readonly backup: string; readonly choices: readonly ArchiveChoice[] }
  /** The message says what there is, and what to name. */
  | { readonly isFound: false; readonly message: string };

const SNAPSHOT_ID = /^[0-9a-f]{64}$/;
const SNAPSHOT_START = /^[0-9a-f]{8,64}$/;
/** How far the clocks of two managers may be apart. */
const TOLERANCE_MS = 24 * 60 * 60 * 1000;
/** As many as help in a message. */
const MAX_NAMED = 5;

/** The backups that archives belong to, newest first. */
export function summarizeBackups(
  archives: readonly StoredArchive[],
  volumes: readonly string[],
): readonly BackupSummary[] {
  return groupByBackup(archives).map(([id, parts]) => ({
    id,
    createdAt: dateOfBackupId(id)?.toISOString() ?? '',
    isComplete:
      volumes.every(volume => parts.some(part => part.volume === volume)) &&
      !parts.some(({ isIncomplete }) => isIncomplete),
    archives: parts,
  }));
}

/**
 * Which archive goes where. Each place gets the one of its own node. Where a volume's data lives in one place only, one
 * of another node is taken when its own has none: the node may be a new one.
 * Without a name it is the newest backup that has something for every place: parts of two backups are never mixed. One of
 * a time to come is taken by its name only, and an archive that lacks something by its own.
 */
export function chooseBackup(archives: readonly StoredArchive[], wish: RestoreWish): BackupChoice {
  const { volumes, places, backup, now } = wish;
  const ofVolumes = archives.filter(({ volume }) => volumes.includes(volume));
  const wanted = ofVolumes.filter(({ isIncomplete = false }) => !isIncomplete);
  if (backup === undefined) {
    const latest = now.getTime() + TOLERANCE_MS;
    const past = wanted.filter(archive => (dateOfBackupId(archive.backup)?.getTime() ?? latest) < latest);
    return chooseNewest(past, places);
  }
  return dateOfBackupId(backup) === undefined
    ? chooseArchive(archives, wish, backup)
    : chooseById(wanted, ofVolumes, places, backup);
}

function chooseNewest(archives: readonly StoredArchive[], places: readonly VolumePlace[]): BackupChoice {
  const backups = groupByBackup(archives);
  let lack = '';
  for (const [backup, parts] of backups) {
    const filled = fill(parts, places);
    if (filled.choices !== undefined) {
      return { isFound: true, backup, choices: filled.choices };
    }
    if (filled.isAmbiguous) {
      return notFound(`In the backup ${backup} ${filled.message}`);
    }
    lack ||= ` The newest is ${backup}: ${filled.message}`;
  }
  return notFound(
    backups.length === 0
      ? `There is no backup of ${describeVolumes(places)}.`
      : `No backup has all of ${describeVolumes(places)}.${lack}`,
  );
}

function chooseById(
  archives: readonly StoredArchive[],
  all: readonly StoredArchive[],
  places: readonly VolumePlace[],
  backup: string,
): BackupChoice {
  const parts = archives.filter(archive => archive.backup === backup);
  const lacking = all.find(archive => archive.backup === backup && archive.isIncomplete);
  if (lacking !== undefined) {
    return notFound(
      `The backup ${backup} is incomplete: not all of the volume ${lacking.volume} on ${lacking.node} could be read. ` +
        `To restore what there is of it, name the snapshot: ${lacking.name}.`,
    );
  }
  if (parts.length === 0) {
    return notFound(`There is no backup ${backup} of ${describeVolumes(places)}.${describeNewest(archives)}`);
  }
  const filled = fill(parts, places);
  return filled.choices === undefined
    ? notFound(`In the backup ${backup} ${filled.message}`)
    : { isFound: true, backup, choices: filled.choices };
}

/** One archive, named: it alone is restored. */
function chooseArchive(
  archives: readonly StoredArchive[],
  { volumes, places }: RestoreWish,
  name: string,
): BackupChoice {
  const named = archives.filter(archive => isCalled(archive, name));
  const [archive, other] = named;
  if (archive === undefined) {
    // Not the name: who mixes up the fields may have written a token there.
    return notFound(`There is no backup, archive or snapshot of this name.${describeNewest(archives)}`);
  }
  if (other !== undefined) {
    return notFound(`${named.length} archives or snapshots are called ${name}. Name more digits.`);
  }
  if (!volumes.includes(archive.volume)) {
    return notFound(`${name} is of the volume ${archive.volume}, which was not asked for.`);
  }
  const homes = places.filter(({ volume }) => volume === archive.volume);
  const place = homes.find(({ nodeName }) => nodeName === archive.node) ?? homes[0];
  if (place === undefined || (homes.length > 1 && place.nodeName !== archive.node)) {
    const nodes = homes.map(({ nodeName }) => nodeName).join(', ');
    return notFound(
      `${name} is of the node ${archive.node}, and the volume is on ${nodes}. Name the node to restore it to.`,
    );
  }
  return isInReach(archive, place)
    ? { isFound: true, backup: archive.backup, choices: [{ archive, place }] }
    : notFound(describeOutOfReach([archive], place));
}

type Filling =
  | { readonly choices: readonly ArchiveChoice[] }
  | { readonly choices?: undefined; readonly isAmbiguous: boolean; readonly message: string };

/** @param parts the archives of one backup */
function fill(parts: readonly StoredArchive[], places: readonly VolumePlace[]): Filling {
  const choices: ArchiveChoice[] = [];
  for (const place of places) {
    const ofVolume = parts.filter(({ volume }) => volume === place.volume);
    const inReach = ofVolume.filter(archive => isInReach(archive, place));
    const own = inReach.findLast(({ node }) => node === place.nodeName);
    const isOnlyPlace = places.filter(({ volume }) => volume === place.volume).length === 1;
    const others = own === undefined && isOnlyPlace ? inReach : [];
    if (new Set(others.map(({ node }) => node)).size > 1) {
      const names = others.map(({ name, node }) => `${name} (${node})`).join(', ');
      const message = `several archives could be for ${describePlace(place)}. Name one of them as the backup: ${names}.`;
      return { isAmbiguous: true, message };
    }
    const archive = own ?? others.at(-1);
    if (archive === undefined) {
      const message =
        ofVolume.length > inReach.length
          ? describeOutOfReach(ofVolume, place)
          : `there is no archive for ${describePlace(place)}.`;
      return { isAmbiguous: false, message };
    }
    choices.push({ archive, place });
  }
  return { choices };
}

/** What is on a node's own disk can't be had on another one. */
function isInReach({ nodeId }: StoredArchive, place: VolumePlace): boolean {
  return nodeId === undefined || nodeId === place.nodeId;
}

function isCalled({ name }: StoredArchive, wanted: string): boolean {
  return (
    name === wanted || (SNAPSHOT_START.test(wanted) && SNAPSHOT_ID.test(name) && name.startsWith(wanted))
  );
}

/** Newest first. In a backup the order stays: where it has two of one volume, the last was made last. */
function groupByBackup(
  archives: readonly StoredArchive[],
): readonly (readonly [string, readonly StoredArchive[]])[] {
  const groups = new Map<string, StoredArchive[]>();
  for (const archive of archives) {
    const group = groups.get(archive.backup);
    if (group === undefined) {
      groups.set(archive.backup, [archive]);
    } else {
      group.push(archive);
    }
  }
  return [...groups].sort(([a], [b]) => (a < b ? 1 : -1));
}

function notFound(message: string): BackupChoice {
  return { isFound: false, message };
}

function describePlace({ volume, nodeName }: VolumePlace): string {
  return `the volume ${volume} on ${nodeName}`;
}

function describeVolumes(places: readonly VolumePlace[]): string {
  return [...new Set(places.map(({ volume }) => volume))].map(volume => `the volume ${volume}`).join(' and ');
}

function describeOutOfReach(archives: readonly StoredArchive[], place: VolumePlace): string {
  const nodes = [...new Set(archives.map(({ node }) => node))].join(', ');
  return (
    `what there is for ${describePlace(place)} lies on the node ${nodes}, which keeps its backups on its own disk. ` +
    'Copy it to the volume swarm-utils-backups of the other node, or restore it where it is.'
  );
}

function describeNewest(archives: readonly StoredArchive[]): string {
  const ids = groupByBackup(archives).map(([id]) => id);
  return ids.length === 0 ? ' There are none.' : ` The newest: ${ids.slice(0, MAX_NAMED).join(', ')}.`;
}
