import { OperationError } from '../../core/errors.ts';
import { helperName } from '../../core/helper-name.ts';
import { askEngine } from '../node-engine/ask-engine.ts';
import { EngineAskFailure } from '../node-engine/conversation.ts';
import { listVolumes as listRequest, readVolumes } from '../node-engine/volumes.ts';
import type { EngineWorld } from '../steps/step-executor.ts';
import type { Node, Service } from '../swarm.ts';
import { codeOf } from './helper-output.ts';

/** What a look at nodes is for: it names its helpers. */
export interface Looking {
  readonly service: { readonly id: string; readonly name: string };
  /** Tells helpers of one service apart that run at the same time. */
  readonly step: string;
  readonly timeoutMs: number;
}

/** The volumes that the Engine of a node knows, by name. */
export interface NodeVolumes {
  /** Those that a helper there can mount. */
  readonly local: ReadonlySet<string>;
  /** Those of the swarm (CSI); only managers know them. */
  readonly cluster: ReadonlySet<string>;
}

/**
 * The names of all volumes of a node, as its own Engine knows them. To look makes none.
 * @throws OperationError `helper_failed`, `timed_out`, `helper_busy`, `node_unavailable`
 * @throws SwarmError
 */
export async function listVolumes(
  world: EngineWorld,
  { service, step, timeoutMs }: Looking,
  node: Pick<Node, 'id' | 'hostname'>,
): Promise<NodeVolumes> {
  const nameOf = () => helperName(`${step}-volumes`, service, node.id);
  const conversation = { requests: [listRequest], timeoutMs };
  try {
    const exchanges = await askEngine(world, node, { nameOf }, [conversation]);
    return sortVolumes(exchanges.flatMap(exchange => readVolumes(exchange, 0)));
  } catch (error) {
    if (error instanceof EngineAskFailure) {
      const message = `The volumes of ${node.hostname} can't be listed: ${error.message}`;
      throw new OperationError(codeOf(error.outcome, 'helper_failed'), message);
    }
    throw error;
  }
}

/** One name can be that of a volume of the node and of one of the swarm. */
export function sortVolumes(
  volumes: readonly { readonly name: string; readonly isClusterVolume: boolean }[],
): NodeVolumes {
  const namesOf = (isCluster: boolean) =>
    new Set(volumes.filter(({ isClusterVolume }) => isClusterVolume === isCluster).map(({ name }) => name));
  return { local: namesOf(false), cluster: namesOf(true) };
}

/** The names of cluster volumes that a service mounts. */
export function clusterVolumesOf({ mounts }: Pick<Service, 'mounts'>): readonly string[] {
  return mounts.filter(({ type }) => type === 'cluster').map(({ source }) => source);
}

/**
 * A helper mounts volumes by their names, and of a cluster volume's name Docker makes an empty volume of the node: what is
 * written to the store would be nothing, and what is restored would go nowhere.
 * @param cluster names of volumes that are known for cluster volumes
 * @throws OperationError `unsupported_volume`
 */
export function refuseClusterVolumes(volumes: readonly string[], cluster: Iterable<string>): void {
  const known = new Set(cluster);
  const volume = volumes.find(name => known.has(name));
  if (volume !== undefined) {
    throw new OperationError(
      'unsupported_volume',
      `Volume ${volume} is a cluster volume (CSI): its data is not on a node, and swarm-utils can neither back it up nor restore ` +
        'it. Take it out of the label swarm-utils.backup.volume-list-upload, and use the snapshots of its storage. Nothing was ' +
        'touched.',
    );
  }
}
