import type { TaskReport } from '../core/helper.ts';
import { showable } from '../core/outside-text.ts';
import { explainEmptyLogs } from './swarm/empty-logs.ts';
import {
  type Node,
  type Service,
  type Swarm,
  SwarmError,
  type Task,
  type TaskState,
  taskStates,
} from './swarm.ts';

/** Whether a task has come to its end, one way or another. */
export function isTerminal(state: TaskState): boolean {
  return taskStates.indexOf(state) > taskStates.indexOf('running');
}

/** Whether the swarm has not begun to run it. */
export function isPending(state: TaskState): boolean {
  return taskStates.indexOf(state) < taskStates.indexOf('running');
}

/** Whether the swarm has not given it a place on a node. One of a global service has its node before that. */
export function isUnassigned({ state }: Task): boolean {
  return taskStates.indexOf(state) <= taskStates.indexOf('pending');
}

/** Whether a task runs and is to go on running. */
export function isRunning({ state, desiredState }: Pick<Task, 'state' | 'desiredState'>): boolean {
  return state === 'running' && desiredState === 'running';
}

/** The newest comes first. Times of the Engine differ in their number of digits, so they can't be compared as text. */
export function byNewest(timeOf: (task: Task) => string): (a: Task, b: Task) => number {
  return (a, b) => Date.parse(timeOf(b)) - Date.parse(timeOf(a));
}

/**
 * What happened to tasks and what each printed last. What can't be read is said so in its place: a missing log must not
 * hide the verdict.
 * @param lines how many of the last ones; 0: none
 * @param redact takes known secrets out of what the tasks printed
 * @param service of the tasks, where it is to be said why there are no lines
 */
export async function reportTasks(
  swarm: Swarm,
  tasks: readonly Task[],
  lines: number,
  redact: (text: string) => string,
  service?: Pick<Service, 'logDriver'>,
): Promise<readonly TaskReport[]> {
  const nodes = await listNodes(swarm);
  return Promise.all(
    tasks.map(async task => {
      const report = await reportTask(swarm, task, nodes, lines, redact);
      // What has never run has printed nothing anywhere.
      const isUnexplained = report.exitCode !== undefined && report.logs.length === 0 && lines > 0;
      return service !== undefined && isUnexplained
        ? { ...report, logs: [showable(await explainEmptyLogs(swarm, service, task), redact)] }
        : report;
    }),
  );
}

async function reportTask(
  swarm: Swarm,
  task: Task,
  nodes: readonly Node[],
  lines: number,
  redact: (text: string) => string,
): Promise<TaskReport> {
  const hasExited = isTerminal(task.state) && task.containerId !== undefined;
  return {
    id: task.id,
    node: nodes.find(node => node.id === task.nodeId)?.hostname ?? task.nodeId ?? '',
    state: task.state,
    logs: task.containerId === undefined || lines === 0 ? [] : await readLogs(swarm, task.id, lines, redact),
    ...(hasExited && task.exitCode !== undefined && { exitCode: task.exitCode }),
    ...(task.error !== undefined && { error: showable(task.error, redact) }),
  };
}

async function readLogs(
  swarm: Swarm,
  taskId: string,
  lines: number,
  redact: (text: string) => string,
): Promise<readonly string[]> {
  try {
    return (await swarm.taskLogs(taskId, lines)).map(line => showable(line, redact));
  } catch (error) {
    if (error instanceof SwarmError) {
      return [`(the logs can't be read: ${showable(error.message, redact)})`];
    }
    throw error;
  }
}

/** The nodes for a report; none where they can't be listed: then ids stand for the names. */
export async function listNodes(swarm: Swarm): Promise<readonly Node[]> {
  try {
    return await swarm.listNodes();
  } catch (error) {
    if (error instanceof SwarmError) {
      return [];
    }
    throw error;
  }
}
