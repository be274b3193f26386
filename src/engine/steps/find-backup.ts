import type { StoredArchive, VolumePlace } from '../../core/backup.ts';
import { chooseBackup } from '../../core/backup-listing.ts';
import { OperationError } from '../../core/errors.ts';
import type { ServiceWork } from '../../core/step.ts';
import { findPlaces } from '../backup/find-places.ts';
import { listArchives } from '../backup/list-archives.ts';
import { listVolumes, refuseClusterVolumes } from '../backup/list-volumes.ts';
import type { Node } from '../swarm.ts';
import { takesTasks } from '../why-no-tasks.ts';
import type { RestoreChoice, ServiceContext, StepExecutor } from './step-executor.ts';

type Find = ServiceWork & { kind: 'find-backup' };

/**
 * Finds out where the data lives and what there is to restore, and chooses, before anything is touched.
 * @throws OperationError `unsupported_mode`, `unsupported_volume`, `node_unavailable`, `volume_not_found`, `backup_not_found`,
 *   `helper_failed`
 * @throws SwarmError
 */
export const findBackup: StepExecutor<Find> = async (context, step) => {
  const { world, service } = context;
  const { store, volumes, backup, nodeName, isStopped } = step.work;
  if (isStopped && service.mode !== 'replicated') {
    throw new OperationError(
      'unsupported_mode',
      `Only a replicated service can be stopped for its restore; this one is ${service.mode}. A drill can be done.`,
    );
  }
  const looking = { service, step: step.name, timeoutMs: step.timeoutMs };
  const { places, nodes, allNodes } = await findPlaces(world, service, volumes, looking, nodeName);
  const known = { volumes, nodes: allNodes.map(({ hostname }) => hostname) };
  const list = (on: readonly Node[]) => listArchives(world, store, on, looking, known);
  const choose = (archives: readonly StoredArchive[]) =>
    chooseBackup(archives, {
      volumes,
      places,
      now: world.clock.now(),
      ...(backup !== undefined && { backup }),
    });
  const archives = await list(nodes);
  let choice = choose(archives);
  if (!choice.isFound && store.target.kind === 'local') {
    // What lies on other nodes can't be restored here, but is worth to be told of.
    const others = allNodes.filter(node => takesTasks(node) && !nodes.includes(node));
    choice = choose([...archives, ...(await list(others))]);
  }
  if (!choice.isFound) {
    throw new OperationError('backup_not_found', `${choice.message} Nothing was done.`);
  }
  context.chosen = choice.choices;
  const isNew =
    nodeName !== undefined && isStopped ? await findNew(context, step.timeoutMs, choice.choices) : [];
  const created = isNew.map(({ volume, nodeName: node }) => `the volume ${volume} on ${node}`).join(', ');
  return {
    status: 'succeeded',
    message: `Backup ${choice.backup}: ${choice.choices.map(describe).join(', ')}.${created && ` New: ${created}.`}`,
    volumes: choice.choices.map(({ archive, place }) => ({
      node: place.nodeName,
      volume: place.volume,
      archive: archive.name,
      ...(archive.sizeBytes !== undefined && { sizeBytes: archive.sizeBytes }),
    })),
  };
};

/** Those that Docker will make, because a helper mounts them. */
async function findNew(
  { world, service }: ServiceContext,
  timeoutMs: number,
  choices: readonly RestoreChoice[],
): Promise<readonly VolumePlace[]> {
  const [first] = choices;
  if (first === undefined) {
    return [];
  }
  // All of them are on the node that was named.
  const { nodeId, nodeName } = first.place;
  const node = { id: nodeId, hostname: nodeName };
  const { local, cluster } = await listVolumes(world, { service, step: 'find-new', timeoutMs }, node);
  const places = choices.map(({ place }) => place);
  refuseClusterVolumes(
    places.map(({ volume }) => volume),
    cluster,
  );
  return places.filter(({ volume }) => !local.has(volume));
}

function describe({ archive, place }: RestoreChoice): string {
  const from = archive.node === place.nodeName ? '' : ` from ${archive.node}`;
  return `${place.volume}${from} to ${place.nodeName}`;
}
