import type { TaskReport } from '../core/helper.ts';
import { type Node, type Swarm, SwarmError, type Task, type TaskState, taskStates } from './swarm.ts';

/** Whether a task has come to its end, one way or another. */
export function isTerminal(state: TaskState): boolean {
  return taskStates.indexOf(state) > taskStates.indexOf('running');
}

/** Whether the swarm has not begun to run it. */
export function isPending(state: TaskState): boolean {
  return taskStates.indexOf(state) < taskStates.indexOf('running');
}

/**
 * What happened to a task and what it printed last. Logs that can't be read are said so in their place: a missing log
 * must not hide the verdict.
 * @param redact takes known secrets out of what the task printed
 */
export async function reportTask(
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
    logs: task.containerId === undefined ? [] : (await readLogs(swarm, task.id, lines)).map(redact),
    ...(hasExited && task.exitCode !== undefined && { exitCode: task.exitCode }),
    ...(task.error !== undefined && { error: redact(task.error) }),
  };
}

async function readLogs(swarm: Swarm, taskId: string, lines: number): Promise<readonly string[]> {
  try {
    return await swarm.taskLogs(taskId, lines);
  } catch (error) {
    if (error instanceof SwarmError) {
      return [`(the logs can't be read: ${error.message})`];
    }
    throw error;
  }
}
