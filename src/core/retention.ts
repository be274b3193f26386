import { dateOfBackupId } from './archive-name.ts';

/** One volume's part of a backup, as far as it matters for how long it is kept. */
export interface KeptBackup {
  /** What is kept together: the volume on its node. */
  readonly stem: string;
  /** The id of the backup. */
  readonly backup: string;
  /** It lacks something, so it never counts as the newest. */
  readonly isIncomplete?: true;
}

/** An archive or a snapshot in a store. */
export interface KeptArchive extends KeptBackup {
  readonly name: string;
  /** A node that can reach it; of the target `local` the one that has it. */
  readonly nodeId: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** How far the clocks of two managers may be apart. */
const TOLERANCE_MS = DAY_MS;

/**
 * What is older than the retention, by the time in its id. Of each stem the newest stays, however old it is: to be called
 * once the newest is known to be good. Ids of times to come are not ours: they are left alone, and outdate nothing.
 */
export function chooseOutdated<T extends KeptBackup>(
  backups: readonly T[],
  { now, retentionDays }: { readonly now: Date; readonly retentionDays: number },
): readonly T[] {
  const known = backups.flatMap(item => {
    const at = dateOfBackupId(item.backup)?.getTime();
    return at === undefined || at > now.getTime() + TOLERANCE_MS ? [] : [{ item, at }];
  });
  const newest = newestByStem(known);
  // Where there is nothing better, what lacks something is better than nothing.
  for (const [stem, at] of newestByStem(known.filter(({ item }) => !item.isIncomplete))) {
    newest.set(stem, at);
  }
  const deadline = now.getTime() - retentionDays * DAY_MS;
  return known
    .filter(({ item, at }) => at < deadline && at !== newest.get(item.stem))
    .map(({ item }) => item);
}

function newestByStem(
  known: readonly { readonly item: KeptBackup; readonly at: number }[],
): Map<string, number> {
  const newest = new Map<string, number>();
  for (const { item, at } of known) {
    newest.set(item.stem, Math.max(at, newest.get(item.stem) ?? at));
  }
  return newest;
}
