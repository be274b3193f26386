import { randomBytes } from 'node:crypto';
import type { Swarm } from './swarm.ts';

const CONTAINER_ID = /^[0-9a-f]{12,64}$/;
/** Docker binds these files of a container's own folder into it. */
const OWN_FILE = /\/containers\/([0-9a-f]{64})\/(?:hostname|hosts|resolv\.conf) /;

/**
 * Who this process is, for what it leaves in the swarm: where it runs, and which of its lives there, for a container can be
 * started again.
 * @param container id of its container, or the host's name where it is in none
 */
export function createOwner(container: string): string {
  return `${container}/${randomBytes(4).toString('hex')}`;
}

/**
 * The id of the container that a process is in, whatever its host name is.
 * @param mountinfo `/proc/self/mountinfo`
 * @see https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
 */
export function readContainerId(mountinfo: string): string | undefined {
  return OWN_FILE.exec(mountinfo)?.[1];
}

/**
 * Whether an owner is at work. One that is in no container of the swarm can't be told from a dead one, itself excepted.
 * @param self who asks
 * @throws SwarmError
 */
export async function isAlive(
  swarm: Pick<Swarm, 'isTaskRunningIn'>,
  self: string,
  owner: string,
): Promise<boolean> {
  const container = containerOf(owner);
  if (owner === self || container === containerOf(self)) {
    return owner === self;
  }
  return CONTAINER_ID.test(container) && (await swarm.isTaskRunningIn(container));
}

function containerOf(owner: string): string {
  return owner.split('/')[0] ?? '';
}
