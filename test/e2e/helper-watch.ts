import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';

/** All that Docker shows of helper services while something runs. */
export interface HelperSightings {
  /** Inspections as JSON: of services, of their tasks, and of containers on all nodes. */
  readonly services: readonly string[];
  readonly tasks: readonly string[];
  readonly containers: readonly string[];
}

const INTERVAL_MS = 25;

/** Looks at helper services and their containers again and again, until the work is done. */
export async function watchHelpers(lab: Lab, work: () => Promise<unknown>): Promise<HelperSightings> {
  const services = new Set<string>();
  const tasks = new Set<string>();
  const containers = new Set<string>();
  const engine = lab.manager.engine();
  let isDone = false;

  const lookAtServices = async () => {
    const filters = JSON.stringify({ label: ['swarm-utils.helper'] });
    for (const { ID } of await engine.listServices({ filters })) {
      // What goes between the list and the look was seen before, or is seen by another look.
      const service = await engine
        .getService(ID)
        .inspect()
        .catch(() => undefined);
      const of = await engine.listTasks({ filters: JSON.stringify({ service: [ID] }) }).catch(() => []);
      if (service !== undefined) {
        services.add(JSON.stringify(service));
      }
      tasks.add(JSON.stringify(of));
    }
  };
  const lookAtContainers = async (node: Lab['nodes'][number]) => {
    const docker = node.engine();
    for (const { Id, Labels } of await docker.listContainers({ all: true })) {
      if (/^swarm-utils-(?:exec|clean)-/.test(Labels['com.docker.swarm.service.name'] ?? '')) {
        const container = await docker
          .getContainer(Id)
          .inspect()
          .catch(() => undefined);
        if (container !== undefined) {
          containers.add(JSON.stringify(container));
        }
      }
    }
  };
  const untilDone = async (look: () => Promise<void>) => {
    while (!isDone) {
      await look();
      await sleep(INTERVAL_MS);
    }
  };
  const looking = [
    untilDone(lookAtServices),
    ...lab.nodes.map(node => untilDone(() => lookAtContainers(node))),
  ];
  try {
    await work();
  } finally {
    isDone = true;
    await Promise.all(looking);
  }
  return { services: [...services], tasks: [...tasks], containers: [...containers] };
}
