import type { VolumePlace } from '../../core/backup.ts';
import { OperationError } from '../../core/errors.ts';
import { describeAmbiguity, findNamedNodes } from '../../core/placement/node-name.ts';
import { insist } from '../insist.ts';
import { settleAll } from '../settle-all.ts';
import type { EngineWorld } from '../steps/step-executor.ts';
import type { Node, Service, Task } from '../swarm.ts';
import { isRunning } from '../task-report.ts';
import { takesTasks } from '../why-no-tasks.ts';
import { clusterVolumesOf, type Looking, listVolumes, refuseClusterVolumes } from './list-volumes.ts';

/** Where volumes of a service are, or will be. */
export interface DataPlaces {
  readonly places: readonly VolumePlace[];
  /** The nodes of the places. Helpers can run on all of them. */
  readonly nodes: readonly Node[];
  /** Every node of the swarm. */
  readonly allNodes: readonly Node[];
}

/**
 * Where the data of volumes lives: on the nodes of the service's running tasks, else on those that its newest tasks were
 * on, as far as the swarm remembers. Of volumes that the service does not mount, or when no task is known, every node that
 * helpers can run on is asked whether it has them.
 * @param nodeName host name or id of a node to look at instead of all that; it need not have the volumes
 * @throws OperationError `volume_not_found` for a volume that is nowhere; `unsupported_volume` for a cluster volume;
 *   `node_unavailable` for a place that no helper can run on, or a name that is no node's; `ambiguous_name` for one that
 *   several have
 * @throws SwarmError
 */
export async function findPlaces(
  world: EngineWorld,
  service: Service,
  volumes: readonly string[],
  looking: Looking,
  nodeName?: string,
): Promise<DataPlaces> {
  refuseClusterVolumes(volumes, clusterVolumesOf(service));
  const allNodes = await insist(world.clock, () => world.swarm.listNodes());
  const places =
    nodeName === undefined
      ? await findData(world, service, volumes, looking, allNodes)
      : placesOn([findByName(allNodes, nodeName)], volumes);
  const nodes = allNodes.filter(({ id }) => places.some(({ nodeId }) => nodeId === id));
  const away = nodes.find(node => !takesTasks(node));
  if (away !== undefined) {
    const held = places.find(({ nodeId }) => nodeId === away.id)?.volume;
    const why = away.state === 'ready' ? `its availability is ${away.availability}` : `it is ${away.state}`;
    const message = `The node ${away.hostname}, for the volume ${held}, takes no helpers: ${why}. Nothing was done.`;
    throw new OperationError('node_unavailable', message);
  }
  return { places, nodes, allNodes };
}

async function findData(
  world: EngineWorld,
  service: Service,
  volumes: readonly string[],
  looking: Looking,
  nodes: readonly Node[],
): Promise<readonly VolumePlace[]> {
  const tasks = await insist(world.clock, () => world.swarm.listTasks(service.id));
  const ids = nodesOfTasks(tasks);
  const homes = nodes.filter(({ id }) => ids.has(id));
  const isKnown = (volume: string) => homes.length > 0 && service.volumes.includes(volume);
  const places = [...placesOn(homes, volumes.filter(isKnown))];
  const unknown = volumes.filter(volume => !isKnown(volume));
  if (unknown.length > 0) {
    places.push(...(await findHolders(world, unknown, looking, nodes.filter(takesTasks))));
  }
  const missing = volumes.find(volume => !places.some(place => place.volume === volume));
  if (missing !== undefined) {
    const message =
      `No node that helpers can run on has the volume ${missing}. To restore it to a node that does not have it yet, ` +
      'name the node.';
    throw new OperationError('volume_not_found', message);
  }
  return places;
}

async function findHolders(
  world: EngineWorld,
  volumes: readonly string[],
  looking: Looking,
  nodes: readonly Node[],
): Promise<readonly VolumePlace[]> {
  const looks = nodes.map(async node => {
    const { local, cluster } = await listVolumes(world, { ...looking, step: `${looking.step}-all` }, node);
    refuseClusterVolumes(volumes, cluster);
    return placesOn(
      [node],
      volumes.filter(volume => local.has(volume)),
    );
  });
  return (await settleAll(looks)).flat();
}

/** Of the tasks that run; else of the newest of each slot or node, running or not. */
function nodesOfTasks(tasks: readonly Task[]): ReadonlySet<string> {
  const running = tasks.filter(isRunning);
  const remembered = new Map<string, Task>();
  for (const task of tasks) {
    const slot = `${task.slot ?? task.nodeId}`;
    if (task.nodeId !== undefined && task.createdAt >= (remembered.get(slot)?.createdAt ?? '')) {
      remembered.set(slot, task);
    }
  }
  const chosen = running.length > 0 ? running : [...remembered.values()];
  return new Set(chosen.flatMap(({ nodeId }) => (nodeId === undefined ? [] : [nodeId])));
}

function placesOn(nodes: readonly Node[], volumes: readonly string[]): readonly VolumePlace[] {
  return volumes.flatMap(volume =>
    nodes.map(({ id, hostname }) => ({ nodeId: id, nodeName: hostname, volume })),
  );
}

function findByName(nodes: readonly Node[], name: string): Node {
  const named = findNamedNodes(nodes, name);
  const [node] = named;
  if (node === undefined) {
    throw new OperationError('node_unavailable', 'No node has that host name or id. Nothing was done.');
  }
  if (named.length > 1) {
    throw new OperationError('ambiguous_name', `${describeAmbiguity(name, named)} Nothing was done.`);
  }
  return node;
}
