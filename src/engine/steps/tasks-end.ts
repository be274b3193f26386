import { OperationError } from '../../core/errors.ts';
import { after, poll } from '../clock.ts';
import { insist } from '../insist.ts';
import type { Node, Task } from '../swarm.ts';
import { isPending, isTerminal } from '../task-report.ts';
import type { ServiceContext, StepOutcome } from './step-executor.ts';

const NODES_INTERVAL_MS = 1000;
const NAMED_TASKS = 3;

/**
 * Waits until no task of a service that was scaled to 0 is left on any node.
 * @param before its tasks before that. Those that the swarm had given up already, on nodes that are down and hold nothing
 *   that the operation is about, are not waited for
 * @returns why some are left; at once where their node is down, for there none is known to end
 * @throws OperationError `written_meanwhile` when the service has replicas again
 */
export async function awaitTasksEnd(
  context: ServiceContext,
  timeoutMs: number,
  before: readonly Task[],
): Promise<StepOutcome | undefined> {
  const { swarm, clock } = context.world;
  const isPassedOver = passOver(context, before);
  const listNodes = createNodeList(context);
  let said = 0;
  let left: readonly Task[] = [];
  let nodes: readonly Node[] = [];
  const end = await poll(clock, after(clock, timeoutMs), async () => {
    const tasks = await insist(clock, () => swarm.listTasks(context.service.id));
    left = tasks.filter(isAtWork);
    if (left.length === 0) {
      return 'ended';
    }
    nodes = await listNodes();
    const isDown = ({ nodeId }: Task) => nodes.some(({ id, state }) => id === nodeId && state === 'down');
    left = left.filter(task => !(isDown(task) && isPassedOver(task)));
    if (left.length === 0) {
      return 'ended';
    }
    if (left.length !== said) {
      said = left.length;
      context.onProgress(`${left.length} tasks are still to end.`);
    }
    const stuck = left.filter(isDown);
    if (stuck.length > 0) {
      left = stuck;
      return 'stuck';
    }
    await refuseReplicas(context, left);
    return undefined;
  });
  if (end === 'ended') {
    return undefined;
  }
  const named = left.slice(0, NAMED_TASKS).map(task => describe(task, nodes));
  const more = left.length > named.length ? ` and ${left.length - named.length} more` : '';
  const what = `${left.length} tasks of the service`;
  return end === 'stuck'
    ? fail(
        'failed',
        `${what} were on a node that is down, where none is known to end: ${named.join(', ')}${more}.`,
      )
    : fail(
        'timed_out',
        `${what} did not end within ${timeoutMs} ms: ${named.join(', ')}${more}. ` +
          'The label swarm-utils.backup.stop.timeout gives them more time.',
      );
}

/** One without a node that is not wanted any more never gets one. */
function isAtWork({ state, desiredState, nodeId }: Task): boolean {
  const isUnwanted = desiredState !== 'running' && !isPending(desiredState);
  return !isTerminal(state) && !(nodeId === undefined && isUnwanted);
}

function passOver({ located, chosen }: ServiceContext, before: readonly Task[]): (task: Task) => boolean {
  const places = [...(located?.places ?? []), ...(chosen ?? []).map(({ place }) => place)];
  const nodeIds = new Set(places.map(({ nodeId }) => nodeId));
  const givenUp = before.filter(({ desiredState }) => isTerminal(desiredState)).map(({ id }) => id);
  return ({ id, nodeId = '' }) => givenUp.includes(id) && !nodeIds.has(nodeId);
}

/** They change seldom. */
function createNodeList({ world: { swarm, clock } }: ServiceContext): () => Promise<readonly Node[]> {
  let nodes: readonly Node[] = [];
  let isDueAt = clock.now();
  return async () => {
    if (clock.now() >= isDueAt) {
      nodes = await insist(clock, () => swarm.listNodes());
      isDueAt = after(clock, NODES_INTERVAL_MS);
    }
    return nodes;
  };
}

async function refuseReplicas({ world, service }: ServiceContext, left: readonly Task[]): Promise<void> {
  if (!left.some(({ desiredState }) => desiredState === 'running')) {
    return;
  }
  const now = await insist(world.clock, () => world.swarm.getService(service.id));
  if (now?.replicas !== 0 && now?.replicas !== undefined) {
    const message = `Somebody gave the service ${now.replicas} replicas while it was being stopped.`;
    throw new OperationError('written_meanwhile', message);
  }
}

function describe({ id, nodeId, state }: Task, nodes: readonly Node[]): string {
  const node = nodes.find(each => each.id === nodeId)?.hostname ?? nodeId;
  return `${id}${node === undefined ? '' : ` on ${node}`} (${state})`;
}

function fail(status: 'failed' | 'timed_out', message: string): StepOutcome {
  return { status, message, error: { code: 'not_stopped', message } };
}
