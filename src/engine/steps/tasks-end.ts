import { OperationError } from '../../core/errors.ts';
import { plural } from '../../core/text/plural.ts';
import { poll } from '../clock.ts';
import { insist } from '../insist.ts';
import { createOldTasksLook, type OldTask, type OldTasksQuestion } from '../old-tasks.ts';
import type { EngineWorld, ServiceContext } from './step-executor.ts';

/** What may run of the service that could touch the volumes which the operation is about. */
export function oldTasksQuestion({
  service,
  located,
  chosen,
  deadNodeIds = [],
}: ServiceContext): OldTasksQuestion {
  const places = [...(located?.places ?? []), ...(chosen ?? []).map(({ place }) => place)];
  const homes = new Set(places.map(({ nodeId }) => nodeId));
  return { serviceId: service.id, deadNodeIds, homes };
}

/** What is left of a service that was scaled to 0. */
export interface LeftTasks {
  readonly tasks: readonly OldTask[];
  /** Their nodes are down: more time does not help. */
  readonly areStuck: boolean;
}

/**
 * Waits until no task of a service that was scaled to 0 is left on any node.
 * @returns what is left; at once where it is on a node that is down, for there nothing is known to end
 * @throws OperationError `written_meanwhile` when the service has replicas again
 * @throws SwarmError
 */
export async function awaitTasksEnd(
  world: EngineWorld,
  question: OldTasksQuestion & { readonly until: Date },
  onProgress: (message: string) => void,
): Promise<LeftTasks> {
  const findOld = createOldTasksLook(world, question);
  let said = 0;
  let tasks: readonly OldTask[] = [];
  const end = await poll(world.clock, question.until, async () => {
    tasks = await findOld();
    if (tasks.length === 0) {
      return 'ended';
    }
    if (tasks.length !== said) {
      said = tasks.length;
      onProgress(`${plural(said, 'task')} still to end.`);
    }
    const stuck = tasks.filter(task => task.stuck !== undefined);
    if (stuck.length > 0) {
      tasks = stuck;
      return 'stuck';
    }
    await refuseReplicas(world, question.serviceId, tasks);
    return undefined;
  });
  return { tasks, areStuck: end === 'stuck' };
}

async function refuseReplicas(
  { swarm, clock }: EngineWorld,
  serviceId: string,
  left: readonly OldTask[],
): Promise<void> {
  if (!left.some(({ task }) => task?.desiredState === 'running')) {
    return;
  }
  const now = await insist(clock, () => swarm.getService(serviceId));
  if (now?.replicas !== 0 && now?.replicas !== undefined) {
    const message = `Somebody gave the service ${plural(now.replicas, 'replica')} while it was being stopped.`;
    throw new OperationError('written_meanwhile', message);
  }
}
