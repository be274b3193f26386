import { createHash } from 'node:crypto';

/** The swarm's limit for service names. */
const MAX_LENGTH = 63;

/**
 * The name of a helper service: the same for the same step on the same place, so that the swarm itself refuses a
 * second one. Long target names are cut; the hash keeps names apart.
 * @param place what else tells helpers of one step apart: the task's slot or the node
 */
export function helperName(
  step: string,
  target: { readonly id: string; readonly name: string },
  place: string,
): string {
  const hash = createHash('sha256').update(`${step}\n${target.id}\n${place}`).digest('hex').slice(0, 10);
  const prefix = `swarm-utils-${step}-`;
  const room = MAX_LENGTH - prefix.length - hash.length - 1;
  const readable = target.name
    .replaceAll(/[^A-Za-z0-9_-]/g, '-')
    .slice(0, room)
    .replace(/[-_]+$/, '');
  return readable === '' ? `${prefix}${hash}` : `${prefix}${readable}-${hash}`;
}
