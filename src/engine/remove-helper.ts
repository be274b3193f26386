import { after, type Clock, poll } from './clock.ts';
import { insist } from './insist.ts';
import type { Swarm, Task } from './swarm.ts';
import { isTerminal } from './task-report.ts';

const STOP_TIMEOUT_MS = 15_000;

/**
 * Removes the service of a helper and waits until its task has stopped: not for ever, and not for what is on a node that is
 * down, which can't stop it.
 * @throws SwarmError
 */
export async function removeHelper(
  { swarm, clock }: { readonly swarm: Swarm; readonly clock: Clock },
  serviceId: string,
): Promise<void> {
  let tasks: readonly Task[] = [];
  try {
    tasks = await insist(clock, () => swarm.listTasks(serviceId));
  } finally {
    await insist(clock, () => swarm.removeService(serviceId));
  }
  const atWork = tasks.filter(task => !isTerminal(task.state) && task.nodeId !== undefined);
  if (atWork.length === 0) {
    return;
  }
  const nodes = await insist(clock, () => swarm.listNodes());
  const awaited = atWork.filter(({ nodeId }) =>
    nodes.some(({ id, state }) => id === nodeId && state !== 'down'),
  );
  await poll(clock, after(clock, STOP_TIMEOUT_MS), async () => {
    const left = await Promise.all(awaited.map(({ id }) => insist(clock, () => swarm.getTask(id))));
    return left.every(task => task === undefined || isTerminal(task.state)) || undefined;
  });
}
