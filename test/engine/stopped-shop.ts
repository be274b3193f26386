import { serviceTarget } from '../../src/core/target.ts';
import { start } from '../../src/engine/steps/start.ts';
import type { RestoreChoice, ServiceContext } from '../../src/engine/steps/step-executor.ts';
import { stop } from '../../src/engine/steps/stop.ts';
import type { Service } from '../../src/engine/swarm.ts';
import { addShop, createWorld, type TestWorld } from './world.ts';

export const stopStep = {
  name: 'stop',
  when: 'on-success',
  timeoutMs: 30_000,
  work: { kind: 'stop' },
} as const;
const startStep = {
  name: 'start',
  when: 'always',
  timeoutMs: 30_000,
  work: { kind: 'start' },
} as const;

/** A choice of a restore: what is in it beside the place does not matter here. */
export const choice: RestoreChoice = {
  archive: { name: 'a', node: 'one', volume: 'data', backup: '2026-11-22T03-00-00Z' },
  place: { nodeId: 'node-1', nodeName: 'one', volume: 'data' },
};

/** The shop, about to be stopped by an operation. Its tasks end and begin at once, unless the test says otherwise. */
export function openShop(change: Partial<Service> = {}) {
  const world = createWorld();
  const service = addShop(world, change);
  const progress: string[] = [];
  const context: ServiceContext = {
    world,
    service,
    target: serviceTarget(service),
    onProgress: message => progress.push(message),
    checkStillAllowed: async () => service.version,
  };
  const now = async () => (await world.swarm.getService(service.id)) as Service;
  return {
    world,
    service,
    context,
    progress,
    now,
    stop: () => stop(context, stopStep),
    start: () => start(context, startStep),
    replicas: async () => (await now()).replicas,
    entries: () => world.journal.list(),
  };
}

/** What the helpers find in volumes that are being restored, one line for each; undefined: they fail. */
export function letHelpersFind({ swarm }: TestWorld, state: string | undefined): void {
  swarm.onHelper((service, _, { nodeId, mounts }) => {
    const end =
      state === undefined ? ({ state: 'failed', exitCode: 1 } as const) : { state: 'complete' as const };
    const { id } = swarm.addTask({ serviceId: service.id, nodeId, exitCode: 0, ...end });
    swarm.setOutput(id, { stdout: mounts.map(() => state ?? '') });
  });
}

/** Of the calls that write, the names, in their order. */
export function writesOf({ swarm }: TestWorld): readonly string[] {
  const writing = ['createConfig', 'removeConfig', 'scaleService'];
  return swarm.calls.map(({ method }) => method).filter(method => writing.includes(method));
}
