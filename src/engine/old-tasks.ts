import { OperationError } from '../core/errors.ts';
import { parseServiceLabels } from '../core/labels.ts';
import { allowsNode } from '../core/placement/constraint.ts';
import { plural } from '../core/text/plural.ts';
import { mayBeOneStorage } from '../core/volume/service-storage.ts';
import { after, type Clock, poll } from './clock.ts';
import { insist } from './insist.ts';
import type { Node, Swarm, Task } from './swarm.ts';
import { isPending, isTerminal } from './task-report.ts';
import { takesTasks } from './why-no-tasks.ts';

/** Of a service that was stopped, a task that may still run and write; or a node that may run one unknown to the swarm. */
export interface OldTask {
  /** Absent where it has none yet. */
  readonly node?: Pick<Node, 'id' | 'hostname'>;
  /** Absent where the swarm has forgotten it. */
  readonly task?: Pick<Task, 'id' | 'state' | 'desiredState'>;
  /**
   * Its node is down, so nobody knows when it ends, and why that matters. `shared`: it may write to what other nodes write
   * to. `home`: the operation is about volumes of that node. `pinned`: the service can run nowhere else, and would be
   * started beside it once the node is back. Absent: the node is up.
   */
  readonly stuck?: 'shared' | 'home' | 'pinned';
}

export interface OldTasksQuestion {
  readonly serviceId: string;
  /** Nodes on which it had tasks when it was stopped: the swarm forgets those of a node that stays down. */
  readonly nodeIds?: readonly string[];
  /** Nodes that are down, of which an admin said that nothing runs there any more. */
  readonly deadNodeIds?: readonly string[];
  /**
   * Nodes whose volumes are to be read or written; then a task that is still to get its node counts too. Absent: the service
   * is to be started.
   */
  readonly homes?: ReadonlySet<string>;
}

const NODES_INTERVAL_MS = 1000;
const NAMED = 3;

/**
 * Looks for what of a service may still run. A node that is down frees the service only where none of its volumes may be one
 * storage with another node's: a node that is cut off goes on writing. A node that has left the swarm always does.
 * @returns a look, to be repeated; empty when nothing is left. It rejects with a SwarmError
 */
export function createOldTasksLook(
  world: { readonly swarm: Swarm; readonly clock: Clock },
  { serviceId, nodeIds = [], deadNodeIds = [], homes }: OldTasksQuestion,
): () => Promise<readonly OldTask[]> {
  const { swarm, clock } = world;
  const listNodes = createNodeList(world);
  const readService = once(async () => {
    const service = await insist(clock, () => swarm.getService(serviceId));
    const { isShared } = parseServiceLabels(service?.labels ?? {}).backup;
    return (
      service && {
        isShared: mayBeOneStorage(service.mounts, isShared),
        constraints: service.constraints,
      }
    );
  });

  const whyStuck = async (nodeId: string, nodes: readonly Node[]): Promise<OldTask['stuck']> => {
    const service = await readService();
    if (service === undefined || deadNodeIds.includes(nodeId)) {
      return undefined;
    }
    if (service.isShared) {
      return 'shared';
    }
    if (homes !== undefined) {
      return homes.has(nodeId) ? 'home' : undefined;
    }
    const runsElsewhere = nodes.some(node => takesTasks(node) && allowsNode(service.constraints, node));
    return runsElsewhere ? undefined : 'pinned';
  };

  return async () => {
    const all = await insist(clock, () => swarm.listTasks(serviceId));
    const tasks = all.filter(mayRun);
    const coming = homes === undefined ? [] : all.filter(isComing).map(task => ({ task }));
    if (tasks.length === 0 && nodeIds.length === 0) {
      return coming;
    }
    const nodes = await listNodes();
    const forgotten = nodeIds.filter(id => !tasks.some(({ nodeId }) => nodeId === id));
    const suspects = [
      ...tasks.map(task => ({ nodeId: task.nodeId, task })),
      ...forgotten.map(nodeId => ({ nodeId, task: undefined })),
    ];
    const found = suspects.map(async ({ nodeId, task }): Promise<readonly OldTask[]> => {
      const node = nodes.find(({ id }) => id === nodeId);
      if (node === undefined) {
        return [];
      }
      if (node.state !== 'down') {
        return task === undefined || isTerminal(task.state) ? [] : [{ node, task }];
      }
      const stuck = await whyStuck(node.id, nodes);
      return stuck === undefined ? [] : [{ node, stuck, ...(task !== undefined && { task }) }];
    });
    return [...coming, ...(await Promise.all(found)).flat()];
  };
}

/** The nodes on which tasks may run, for the journal. */
export function nodesOf(tasks: readonly Task[]): readonly string[] {
  return [...new Set(tasks.filter(mayRun).flatMap(({ nodeId }) => nodeId ?? []))];
}

/** What the swarm calls orphaned is on a node of which it has heard nothing for a day. */
function mayRun({ state, nodeId }: Task): boolean {
  return nodeId !== undefined && (!isTerminal(state) || state === 'orphaned');
}

/** One without a node that is not wanted any more never gets one. */
function isComing({ state, desiredState, nodeId }: Task): boolean {
  return nodeId === undefined && isPending(state) && !isTerminal(desiredState);
}

/** They change seldom. */
function createNodeList({ swarm, clock }: { readonly swarm: Swarm; readonly clock: Clock }) {
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

function once<T>(call: () => Promise<T>): () => Promise<T> {
  let called: Promise<T> | undefined;
  return () => {
    called ??= call();
    return called;
  };
}

/**
 * What of a service may run now.
 * @throws SwarmError
 */
export function findOldTasks(
  world: { readonly swarm: Swarm; readonly clock: Clock },
  question: OldTasksQuestion,
): Promise<readonly OldTask[]> {
  return createOldTasksLook(world, question)();
}

/**
 * Waits until nothing of a service that was stopped may run any more, so that it can be started.
 * @param until from when on to give up; it has looked once at least. At once where a node is down
 * @throws OperationError `not_stopped`
 * @throws SwarmError
 */
export async function awaitOldTasks(
  world: { readonly swarm: Swarm; readonly clock: Clock },
  question: OldTasksQuestion,
  until: Date,
): Promise<void> {
  const findOld = createOldTasksLook(world, question);
  let old: readonly OldTask[] = [];
  await poll(world.clock, until, async () => {
    old = await findOld();
    // Of what is on a node that is down nothing is heard soon.
    return old.length === 0 || old.some(({ stuck }) => stuck !== undefined) || undefined;
  });
  if (old.length > 0) {
    const message =
      `The service stays stopped: ${plural(old.length, 'task')} of it may still run: ${describeOldTasks(old)} ` +
      'swarm-utils starts it by itself as soon as nothing of it runs any more.';
    throw new OperationError('not_stopped', message);
  }
}

/** The tasks with their nodes, and what is to be done where that helps: whole sentences. */
export function describeOldTasks(old: readonly OldTask[]): string {
  const named = old.slice(0, NAMED).map(describe).join(', ');
  const more = old.length > NAMED ? ` and ${old.length - NAMED} more` : '';
  const advice = [...new Set(old.map(adviceFor))].filter(text => text !== '');
  return [`${named}${more}.`, ...advice].join(' ');
}

function describe({ node, task, stuck }: OldTask): string {
  const what = task === undefined ? 'one that the swarm has forgotten' : task.id;
  const state = stuck === undefined ? `${task?.state}` : 'node down';
  return `${what}${node === undefined ? '' : ` on ${node.hostname}`} (${state})`;
}

function adviceFor({ node, stuck }: OldTask): string {
  const { id, hostname } = node ?? { id: '', hostname: '' };
  const remove =
    `If ${hostname} is gone for good, remove it: docker node rm --force ${id}. ` +
    'Or an admin confirms with force=true that nothing of the service runs there any more.';
  switch (stuck) {
    case 'shared':
      return (
        `${hostname} is down, and its volumes may be one storage with those of other nodes, to which a node that is ` +
        `cut off goes on writing (the label swarm-utils.backup.volumes.shared=false says that they are not). ${remove}`
      );
    case 'home':
      return `${hostname} is down, and the operation is about volumes of that node. ${remove}`;
    case 'pinned':
      return `${hostname} is down, and no other node can run the service. ${remove}`;
    default:
      return '';
  }
}
