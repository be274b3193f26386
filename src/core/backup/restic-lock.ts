import { showable } from '../outside-text.ts';

/** Who has locked a repository, as restic wrote it down. All of it is others' to choose. */
export interface ResticLock {
  /** Host name of the machine or container. */
  readonly host: string;
  readonly user: string;
  readonly pid: number;
  /** ISO 8601, as it stands in the lock. A lock that is in use is written anew every five minutes. */
  readonly time: string;
  readonly isExclusive: boolean;
}

/** As many as a message names. */
const MAX_NAMED = 3;
const MAX_TEXT = 80;
/** What Linux takes. */
const MAX_HOST_NAME = 63;

/**
 * The host name of a helper that runs restic: of its own, for restic takes a lock of an equal host name for one that is left
 * where no process has its number. It tells which service and node it worked for.
 * @param random eight hexadecimal digits, for this helper alone
 */
export function helperHost(serviceId: string, nodeId: string, random: string): string {
  return `${serviceId}-${nodeId}-${random}`.slice(0, MAX_HOST_NAME);
}

/** The node that a helper of a service was on, by its host name; undefined for a lock that is not of such a helper. */
export function nodeOfLock({ host }: ResticLock, serviceId: string): string | undefined {
  const prefix = `${serviceId}-`;
  const end = host.lastIndexOf('-');
  return host.startsWith(prefix) && end > prefix.length ? host.slice(prefix.length, end) : undefined;
}

/** The locks in what a script printed: lines `lock {…}`, where the rest is what `restic cat lock` says. Others are passed over. */
export function readLocks(lines: readonly string[]): readonly ResticLock[] {
  return lines.flatMap(line => (line.startsWith('lock ') ? readLock(line.slice('lock '.length)) : []));
}

function readLock(json: string): readonly ResticLock[] {
  try {
    const { hostname, username, pid, time, exclusive } = JSON.parse(json) as Readonly<
      Record<string, unknown>
    >;
    return typeof hostname === 'string' && typeof pid === 'number' && Number.isSafeInteger(pid)
      ? [{ host: hostname, user: textOf(username), pid, time: textOf(time), isExclusive: exclusive === true }]
      : [];
  } catch {
    return [];
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Who holds them, those that let nobody else in first. */
export function describeLocks(locks: readonly ResticLock[]): string {
  const sorted = locks.toSorted((a, b) => Number(b.isExclusive) - Number(a.isExclusive));
  const named = sorted.slice(0, MAX_NAMED).map(describeLock).join(', ');
  const more = locks.length - MAX_NAMED;
  return more > 0 ? `${named} and ${more} more` : named;
}

function describeLock({ host, user, pid, time, isExclusive }: ResticLock): string {
  const show = (text: string) =>
    showable(text, shown => shown)
      .slice(0, MAX_TEXT)
      .toWellFormed();
  const what = isExclusive ? 'exclusively ' : '';
  return `${what}by process ${pid} of ${show(user) || 'an unknown user'} on the host ${show(host)}, since ${show(time)}`;
}
