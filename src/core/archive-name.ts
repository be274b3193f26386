import type { VolumePlace } from './backup.ts';

/**
 * Names of archives: `<node>_<volume>_<id>.tar.gz`, as `worker-1_shop-data_2026-11-22T03-00-00Z.tar.gz`. All archives of
 * one backup have the same id: its time, in UTC.
 */
export interface ArchiveName {
  readonly node: string;
  readonly volume: string;
  readonly backup: string;
}

const SUFFIX = '.tar.gz';
const ID = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/;
/** What Docker allows for volumes, and what hosts are called. Nothing that a path, a list or a pattern would read as more. */
const NAME_PART = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}$/;

/** The id of the backup that begins now, to the second. */
export function backupIdOf(date: Date): string {
  return `${date.toISOString().slice(0, 19).replaceAll(':', '-')}Z`;
}

/** When a backup with this id began; undefined for what is no id. */
export function dateOfBackupId(id: string): Date | undefined {
  if (!ID.test(id)) {
    return undefined;
  }
  const [day, time = ''] = id.split('T');
  const date = new Date(`${day}T${time.replaceAll('-', ':')}`);
  // `new Date` takes the 31st of February for the 3rd of March.
  return Number.isNaN(date.getTime()) || backupIdOf(date) !== id ? undefined : date;
}

/** Whether a node or a volume of this name can have archives. Docker's volumes can; a host may be called anything. */
export function canBeInArchiveName(name: string): boolean {
  return NAME_PART.test(name);
}

/** What the names of all archives of a volume on a node begin with; an underscore and the id follow. */
export function archiveStem({ nodeName, volume }: Pick<VolumePlace, 'nodeName' | 'volume'>): string {
  return `${nodeName}_${volume}`;
}

/** @throws RangeError for names that `canBeInArchiveName` refuses, and for what is no id */
export function archiveName(place: Pick<VolumePlace, 'nodeName' | 'volume'>, id: string): string {
  const { nodeName, volume } = place;
  if (![nodeName, volume].every(canBeInArchiveName) || dateOfBackupId(id) === undefined) {
    throw new RangeError(`There is no archive of ${volume} on ${nodeName} at ${id}.`);
  }
  return `${archiveStem(place)}_${id}${SUFFIX}`;
}

/** An archive's name without knowing where the node's name ends; undefined for what is no archive of ours. */
export function splitArchiveName(
  name: string,
): { readonly stem: string; readonly backup: string } | undefined {
  if (!name.endsWith(SUFFIX)) {
    return undefined;
  }
  const end = name.length - SUFFIX.length;
  const start = name.lastIndexOf('_', end);
  const [stem, backup] = [name.slice(0, start), name.slice(start + 1, end)];
  return start > 0 && canBeInArchiveName(stem) && dateOfBackupId(backup) !== undefined
    ? { stem, backup }
    : undefined;
}

/**
 * Reads an archive's name. Nodes and volumes may have an underscore in their names: where more than one reading is left,
 * the one with a known node counts, then the one with the longest known volume, then the one with the shortest node, for
 * hosts seldom have one.
 * @returns undefined for what is no archive of ours
 */
export function parseArchiveName(
  name: string,
  volumes: readonly string[],
  nodes: readonly string[] = [],
): ArchiveName | undefined {
  const split = splitArchiveName(name);
  if (split === undefined) {
    return undefined;
  }
  const readings = readingsOf(split.stem).map(reading => ({ ...reading, backup: split.backup }));
  const knowsVolume = ({ volume }: ArchiveName) => volumes.includes(volume);
  const knowsNode = ({ node }: ArchiveName) => nodes.includes(node);
  // In the order of the underscores, so the first has the shortest node and the longest volume.
  return (
    readings.find(reading => knowsNode(reading) && knowsVolume(reading)) ??
    readings.find(knowsNode) ??
    readings.find(knowsVolume) ??
    readings[0]
  );
}

function readingsOf(stem: string): readonly { readonly node: string; readonly volume: string }[] {
  return [...stem.matchAll(/_/g)]
    .map(({ index }) => ({ node: stem.slice(0, index), volume: stem.slice(index + 1) }))
    .filter(({ node, volume }) => canBeInArchiveName(node) && canBeInArchiveName(volume));
}
