import { createJournal, type StoppedService } from '../../src/engine/journal.ts';
import { createLock } from '../../src/engine/lock.ts';
import { createRecovery } from '../../src/engine/recover.ts';
import type { Service } from '../../src/engine/swarm.ts';
import { addShop, createWorld, type TestWorld } from './world.ts';

/** Begins the id of the container of another swarm-utils, which is at work. */
export const living = 'a1b2c3d4e5f6';
/** Owner of what a process left that is no more. */
export const dead = '0123456789ab/11111111';

/** A world in which another swarm-utils is at work: its container's id begins with `living`. */
export function openWorld() {
  const world = createWorld();
  const other = world.swarm.addService({ name: 'another-swarm-utils' });
  world.swarm.addTask({ serviceId: other.id, containerId: `${living}${'0'.repeat(52)}` });
  const lock = createLock();
  const mended: string[] = [];
  const failed: string[] = [];
  const errors: unknown[] = [];
  const awayTold: unknown[] = [];
  const recovery = createRecovery({
    world,
    lock,
    onMended: ({ kind, name }, what) => mended.push(`${kind} ${name}: ${what}`),
    onFailed: ({ kind, name }, error) => {
      failed.push(`${kind} ${name}`);
      errors.push(error);
    },
    onAway: error => awayTold.push(error),
  });
  return { world, swarm: world.swarm, clock: world.clock, lock, recovery, mended, failed, errors, awayTold };
}

/** The shop as a process left it that was killed after it had stopped it. */
export async function addStopped(
  world: TestWorld,
  owner = dead,
  replicas = 3,
  { entry: more = {}, ...change }: Partial<Service> & { readonly entry?: Partial<StoppedService> } = {},
) {
  const shop = addShop(world, { replicas: 0, previousReplicas: replicas, ...change });
  const stopped = { serviceId: shop.id, serviceName: 'shop', replicas, restoring: [], ...more };
  return { shop, entry: await createJournal(world.swarm, owner).open(stopped) };
}
