import { type Rollout, type RolloutOutcome, rollOut } from '../../src/engine/rollout.ts';
import type { Service, UpdateStatus } from '../../src/engine/swarm.ts';
import { addShop, createWorld, newImage, type TestWorld } from './world.ts';

/** Of the rollouts of `run`. */
export const timeoutMs = 60_000;

/** Rolls `newImage` out onto a service. */
export function run(
  world: TestWorld,
  service: Service,
  change: Partial<Rollout> = {},
  progress: string[] = [],
): Promise<RolloutOutcome> {
  return rollOut(
    { ...world, pendingTimeoutMs: 20_000 },
    {
      service,
      image: newImage,
      platforms: [],
      isForce: false,
      timeoutMs,
      onProgress: message => progress.push(message),
      checkStillAllowed: async () => (await world.swarm.getService(service.id))?.version ?? 0,
      ...change,
    },
  );
}

/** Nothing happens by itself: the test scripts the course of the update. */
export function setUp(change: Partial<Service> = {}) {
  const world = createWorld();
  world.swarm.onUpdate(() => undefined);
  const service = addShop(world, change);
  const { swarm, clock } = world;
  const setUpdate = (
    state: UpdateStatus['state'],
    message = `${state}`,
    more: Partial<UpdateStatus> & Partial<Service> = {},
  ) => {
    const { startedAt = 'this one', completedAt, ...rest } = more;
    swarm.changeService(service.id, {
      update: { state, message, startedAt, ...(completedAt && { completedAt }) },
      ...rest,
    });
  };
  return { world, service, swarm, clock, setUpdate };
}
