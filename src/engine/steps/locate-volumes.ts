import { backupIdOf, canBeInArchiveName } from '../../core/archive-name.ts';
import type { VolumePlace } from '../../core/backup.ts';
import { OperationError } from '../../core/errors.ts';
import { type HelperReport, mergeHelperReports } from '../../core/helper.ts';
import { helperName } from '../../core/helper-name.ts';
import type { ServiceWork, Step } from '../../core/step.ts';
import { codeOf } from '../backup/helper-output.ts';
import { clusterVolumesOf, refuseClusterVolumes, sortVolumes } from '../backup/list-volumes.ts';
import { askEngine } from '../node-engine/ask-engine.ts';
import { EngineAskFailure, reportHelpers } from '../node-engine/conversation.ts';
import { inspectVolume, listVolumes, readInspectedVolume, readVolumes } from '../node-engine/volumes.ts';
import { settleAll } from '../settle-all.ts';
import type { Node } from '../swarm.ts';
import { isRunning } from '../task-report.ts';
import { takesTasks } from '../why-no-tasks.ts';
import type { ServiceContext, StepExecutor, StepOutcome } from './step-executor.ts';

type LocateStep = Step & { readonly work: ServiceWork & { kind: 'locate-volumes' } };

/** A node, and which of the volumes it has. */
interface Holding {
  readonly node: Node;
  readonly volumes: readonly string[];
  readonly report: HelperReport;
}

/** The helper on a node did not say which volumes are there. */
interface LocateFailure {
  readonly outcome: StepOutcome;
}

/**
 * Finds the volumes on the nodes of the service's tasks; on all nodes where it has none. Nothing has been touched yet, so
 * whatever would make the backup fail should be found here.
 * @throws OperationError `unsupported_mode`, `unsupported_volume`, `node_unavailable`, `volume_not_found`, `rejected`,
 *   `helper_busy`, `helper_failed`
 */
export const locateVolumes: StepExecutor<ServiceWork & { kind: 'locate-volumes' }> = async (
  context,
  step,
) => {
  const { world, service } = context;
  const { volumes, isStopped } = step.work;
  if (isStopped && service.mode !== 'replicated') {
    const message = `Only a replicated service can be stopped for its backup; this one is ${service.mode}.`;
    throw new OperationError('unsupported_mode', message);
  }
  refuseClusterVolumes(volumes, clusterVolumesOf(service));
  // Under the lock of the service no two backups are of the same second: each starts several helpers.
  const backup = backupIdOf(world.clock.now());
  const { nodes, hasTasks } = await findNodes(context);
  context.onProgress(
    `Looking for ${volumes.length} volumes on ${nodes.map(({ hostname }) => hostname).join(', ')}.`,
  );
  const found = await settleAll(nodes.map(node => findOn(context, step, node)));
  const failed = found.find(item => 'outcome' in item);
  if (failed !== undefined) {
    return failed.outcome;
  }
  const holdings = found.flatMap(item => ('outcome' in item ? [] : [item]));
  const places = volumes.flatMap(volume => {
    const holders = holdings.filter(holding => holding.volumes.includes(volume));
    checkVolume(volume, nodes, holders, hasTasks && service.volumes.includes(volume));
    return holders.map(({ node }) => ({ nodeId: node.id, nodeName: node.hostname, volume }));
  });
  checkNames(places);
  context.located = { backup, places };
  const list = places.map(({ volume, nodeName }) => `${volume} on ${nodeName}`).join(', ');
  const helper = mergeHelperReports(holdings.map(({ report }) => report));
  return {
    status: 'succeeded',
    message: `Backup ${backup}: ${list}.`,
    helper,
    volumes: places.map(({ nodeName, volume }) => ({ node: nodeName, volume })),
  };
};

/** Each node once, however many tasks it has. */
async function findNodes({ world, service }: ServiceContext) {
  const [all, tasks] = [await world.swarm.listNodes(), await world.swarm.listTasks(service.id)];
  const running = tasks.filter(isRunning);
  const ids = new Set(running.map(({ nodeId }) => nodeId));
  if (ids.size === 0) {
    const nodes = all.filter(takesTasks);
    if (nodes.length === 0) {
      throw new OperationError(
        'node_unavailable',
        'No node of the swarm can run a helper: none is ready and active.',
      );
    }
    return { nodes, hasTasks: false };
  }
  const nodes = all.filter(({ id }) => ids.has(id));
  for (const node of nodes) {
    if (!takesTasks(node)) {
      throw new OperationError('node_unavailable', `${describeNode(node)}. Nothing was touched.`);
    }
  }
  return { nodes, hasTasks: true };
}

function describeNode({ hostname, state, availability }: Node): string {
  const what = state === 'ready' ? `takes no tasks (availability ${availability})` : `is ${state}`;
  return `The service has data on node ${hostname}, which ${what}, so no helper can run there`;
}

async function findOn(
  { world, service }: ServiceContext,
  step: LocateStep,
  node: Node,
): Promise<Holding | LocateFailure> {
  const { volumes } = step.work;
  // A manager answers for cluster volumes too, but of two volumes of one name for its own alone.
  const isManager = node.role === 'manager';
  const requests = [...volumes.map(inspectVolume), ...(isManager ? [listVolumes] : [])];
  const nameOf = () => helperName(step.name, service, node.id);
  try {
    const [exchange] = await askEngine(world, node, { nameOf }, [{ requests, timeoutMs: step.timeoutMs }]);
    if (exchange === undefined) {
      throw new TypeError('One conversation comes to one exchange.');
    }
    const inspected = volumes.flatMap((volume, index) => readInspectedVolume(exchange, index, volume) ?? []);
    const listed = isManager ? readVolumes(exchange, volumes.length) : [];
    const { local, cluster } = sortVolumes([...inspected, ...listed]);
    refuseClusterVolumes(volumes, cluster);
    const report = reportHelpers([exchange]) ?? { name: '', tasks: [] };
    return { node, volumes: volumes.filter(volume => local.has(volume)), report };
  } catch (error) {
    if (!(error instanceof EngineAskFailure)) {
      throw error;
    }
    const { outcome } = error;
    const message = `The volumes of node ${node.hostname} can't be listed. ${error.message}`;
    const isLate = outcome.status === 'timed_out';
    const code = codeOf(outcome, 'helper_failed');
    return {
      outcome: {
        status: isLate ? 'timed_out' : 'failed',
        message,
        helper: outcome.report,
        error: { code, message },
      },
    };
  }
}

/** @param isEverywhere the service mounts it, so each of its nodes must have it: else the swarm would make an empty one */
function checkVolume(
  volume: string,
  nodes: readonly Node[],
  holders: readonly Holding[],
  isEverywhere: boolean,
): void {
  const missing = nodes.filter(node => !holders.some(holder => holder.node.id === node.id));
  if (holders.length === 0 || (isEverywhere && missing.length > 0)) {
    const names = missing.map(({ hostname }) => hostname).join(', ');
    throw new OperationError(
      'volume_not_found',
      `Volume ${volume} does not exist on ${names}. Nothing was touched.`,
    );
  }
}

/** Two archives of one name would be one. */
function checkNames(places: readonly VolumePlace[]): void {
  const ids = new Map<string, string>();
  for (const { nodeId, nodeName, volume } of places) {
    if (!canBeInArchiveName(nodeName) || !canBeInArchiveName(volume)) {
      const what = `Volume ${volume} of node ${nodeName}`;
      throw new OperationError(
        'rejected',
        `${what} can't be in the name of an archive: letters, digits, "_.-" can.`,
      );
    }
    if ((ids.get(nodeName) ?? nodeId) !== nodeId) {
      const message = `Two nodes are called ${nodeName}, so their archives would be one. Name them differently.`;
      throw new OperationError('rejected', message);
    }
    ids.set(nodeName, nodeId);
  }
}
