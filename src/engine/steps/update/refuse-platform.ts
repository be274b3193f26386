import { OperationError } from '../../../core/errors.ts';
import { allowsNode } from '../../../core/placement/constraint.ts';
import {
  formatPlatform,
  type Platform,
  placementPlatforms,
  runsOn,
} from '../../../core/placement/platform.ts';
import type { Node, Service, Swarm } from '../../swarm.ts';

const NAMED = 5;

/**
 * Refuses an image that no node could run: the swarm would stop the old tasks first and find that out then. Nodes count
 * whatever their state is, for they come back; where the constraints allow none, nothing can be said.
 * @param platforms as the registry lists them
 * @throws OperationError `no_matching_platform`
 * @throws SwarmError
 */
export async function refusePlatform(
  swarm: Swarm,
  { constraints }: Service,
  { image, platforms }: { readonly image: string; readonly platforms: readonly Platform[] },
): Promise<void> {
  if (placementPlatforms(platforms).length === 0) {
    return;
  }
  const allowed = (await swarm.listNodes()).filter(node => allowsNode(constraints, node));
  if (allowed.length === 0 || allowed.some(({ platform }) => runsOn(platforms, platform))) {
    return;
  }
  const built = listPlatforms(platforms.filter(({ os }) => os !== 'unknown'));
  const wanted = listPlatforms(allowed.flatMap(({ platform }) => (platform === undefined ? [] : [platform])));
  const which =
    constraints.length === 0 ? 'the nodes of the swarm' : "the nodes that the service's constraints allow";
  throw new OperationError(
    'no_matching_platform',
    `${image} is for ${built}, but ${which} are ${wanted} (${nameNodes(allowed)}). Nothing was deployed. Build the ` +
      'image for one of these platforms as well, or add a node of a platform that it is for.',
  );
}

function listPlatforms(platforms: readonly Platform[]): string {
  const names = [...new Set(platforms.map(formatPlatform))];
  return shorten(names);
}

function nameNodes(nodes: readonly Node[]): string {
  return shorten(nodes.map(({ hostname }) => hostname));
}

function shorten(names: readonly string[]): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
