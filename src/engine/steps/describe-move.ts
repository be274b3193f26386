import { insist } from '../insist.ts';
import { isRunning } from '../task-report.ts';
import type { ServiceContext } from './step-executor.ts';

/**
 * Whether the swarm started tasks of a service that was stopped where its volumes are not: nothing but a placement
 * constraint keeps it from doing that, and there is another volume of the same name, an empty one perhaps.
 * @returns a sentence for the verdict; empty when all is as it was, or when the volumes are none that the service mounts
 * @throws SwarmError
 */
export async function describeMove({ world, service, located, chosen }: ServiceContext): Promise<string> {
  const places = [...(located?.places ?? []), ...(chosen ?? []).map(({ place }) => place)].filter(
    ({ volume }) => service.volumes.includes(volume),
  );
  if (places.length === 0) {
    return '';
  }
  const { swarm, clock } = world;
  const homes = new Map(places.map(({ nodeId, nodeName }) => [nodeId, nodeName]));
  const tasks = await insist(clock, () => swarm.listTasks(service.id));
  const moved = new Set(
    tasks
      .filter(isRunning)
      .flatMap(({ nodeId }) => (nodeId !== undefined && !homes.has(nodeId) ? [nodeId] : [])),
  );
  if (moved.size === 0) {
    return '';
  }
  const nodes = await insist(clock, () => swarm.listNodes());
  const names = [...moved].map(id => nodes.find(node => node.id === id)?.hostname ?? id);
  return (
    ` ATTENTION: the swarm put tasks on ${names.join(', ')}, and the volumes were on ${[...homes.values()].join(', ')}. ` +
    'Unless these volumes are shared by all nodes, the service has lost its data from sight: pin it to its node with a ' +
    'placement constraint.'
  );
}
