import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';

/** All that Docker shows of helper services while something runs. */
export interface HelperSightings {
  /** Inspections as JSON: of services, of their tasks, and of containers on all nodes. */
  readonly services: readonly string[];
  readonly tasks: readonly string[];
  readonly containers: readonly string[];
  /** What helpers printed, save those that run what a label says. */
  readonly printed: readonly string[];
  /** Of Docker secrets and configs, whoever made them. */
  readonly secrets: readonly string[];
  readonly configs: readonly string[];
}

const INTERVAL_MS = 25;
/** Not the task of swarm-utils itself, whose name has an underscore there. */
const helperContainer = /^swarm-utils-/;
const execContainer = /^swarm-utils-exec/;

/** Looks at helper services and their containers again and again, until the work is done. */
export async function watchHelpers(lab: Lab, work: () => Promise<unknown>): Promise<HelperSightings> {
  const seen = {
    services: new Set<string>(),
    tasks: new Set<string>(),
    containers: new Set<string>(),
    printed: new Set<string>(),
    secrets: new Set<string>(),
    configs: new Set<string>(),
  };
  const engine = lab.manager.engine();
  let isDone = false;
  const known = new Set<string>();
  const isNew = (sight: string) => known.size < known.add(sight).size;

  const lookAtServices = async () => {
    const filters = JSON.stringify({ label: ['swarm-utils.helper'] });
    for (const { ID, Version } of await engine.listServices({ filters })) {
      const of = await engine.listTasks({ filters: JSON.stringify({ service: [ID] }) }).catch(() => []);
      seen.tasks.add(JSON.stringify(of));
      if (!isNew(`${ID} ${Version?.Index}`)) {
        continue;
      }
      // What goes between the list and the look was seen before, or is seen by another look.
      const service = await engine
        .getService(ID)
        .inspect()
        .catch(() => undefined);
      if (service !== undefined) {
        seen.services.add(JSON.stringify(service));
      }
    }
  };
  const lookAtStore = async () => {
    for (const secret of await engine.listSecrets()) {
      seen.secrets.add(JSON.stringify(secret));
    }
    for (const config of await engine.listConfigs()) {
      const data = Buffer.from(config.Spec?.Data ?? '', 'base64').toString('utf8');
      seen.configs.add(`${JSON.stringify(config)}\n${data}`);
    }
  };
  const lookAtContainers = async (node: Lab['nodes'][number]) => {
    const docker = node.engine();
    for (const { Id, Labels, State } of await docker.listContainers({ all: true })) {
      const name = Labels['com.docker.swarm.service.name'] ?? '';
      if (!helperContainer.test(name) || !isNew(`${Id} ${State}`)) {
        continue;
      }
      const container = docker.getContainer(Id);
      const sight = await container.inspect().catch(() => undefined);
      if (sight !== undefined) {
        seen.containers.add(JSON.stringify(sight));
      }
      if (State === 'exited' && !execContainer.test(name)) {
        const printed = await container.logs({ stdout: true, stderr: true }).catch(() => undefined);
        seen.printed.add(`${name}: ${printed?.toString('utf8') ?? ''}`);
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
    untilDone(lookAtStore),
    ...lab.nodes.map(node => untilDone(() => lookAtContainers(node))),
  ];
  try {
    await work();
  } finally {
    isDone = true;
    await Promise.all(looking);
  }
  return {
    services: [...seen.services],
    tasks: [...seen.tasks],
    containers: [...seen.containers],
    printed: [...seen.printed],
    secrets: [...seen.secrets],
    configs: [...seen.configs],
  };
}

/** What was seen at different times. */
export function joinSightings(...all: readonly HelperSightings[]): HelperSightings {
  return {
    services: all.flatMap(({ services }) => services),
    tasks: all.flatMap(({ tasks }) => tasks),
    containers: all.flatMap(({ containers }) => containers),
    printed: all.flatMap(({ printed }) => printed),
    secrets: all.flatMap(({ secrets }) => secrets),
    configs: all.flatMap(({ configs }) => configs),
  };
}
