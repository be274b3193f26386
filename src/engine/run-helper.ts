import { randomBytes } from 'node:crypto';
import { OperationError } from '../core/errors.ts';
import type { HelperService } from '../core/helper.ts';
import { helperLabel } from '../core/label-reader.ts';
import type { RegistryCredentials } from '../core/registry-credentials.ts';
import { awaitHelper, type HelperOutcome, type HelperWorld } from './await-helper.ts';
import { insist } from './insist.ts';
import { isAlive } from './owner.ts';
import { removeHelper } from './remove-helper.ts';
import { type HelperOptions, type Service, SwarmError } from './swarm.ts';
import { isTerminal } from './task-report.ts';
import { uncertain } from './uncertain.ts';

export type { HelperOutcome } from './await-helper.ts';

/** A secret's name has at most 64 characters, nine of which are ours. */
const MAX_HELPER_NAME = 55;

/**
 * Creates a helper service, waits for its task, collects what it printed, and removes it, whatever happened. When this
 * returns, nothing of the helper runs any more, unless its node is down.
 * @throws OperationError `helper_busy` when a helper of this name is still at work
 * @throws SwarmError
 */
export async function runHelper(
  world: HelperWorld,
  helper: HelperService,
  credentials?: RegistryCredentials,
): Promise<HelperOutcome> {
  const { namesInUse, owner } = world;
  if (namesInUse.has(helper.name)) {
    throw busy(helper.name);
  }
  namesInUse.add(helper.name);
  try {
    return await withSecrets(world, helper, async secrets => {
      const login = credentials !== undefined && { credentials };
      const serviceId = await createHelper(world, helper, { owner, secrets, ...login });
      try {
        return await awaitHelper(world, helper, serviceId);
      } catch (error) {
        throw uncertain(error);
      } finally {
        await removeHelper(world, serviceId);
      }
    });
  } finally {
    namesInUse.delete(helper.name);
  }
}

type CreatedSecrets = NonNullable<HelperOptions['secrets']>;

/** The secrets are removed in the end, whatever became of the work, and of the making of the others. */
async function withSecrets<T>(
  { swarm, clock, owner, namesInUse }: HelperWorld,
  { name: helper, secrets = [] }: HelperService,
  work: (created: CreatedSecrets) => Promise<T>,
): Promise<T> {
  const created: CreatedSecrets[number][] = [];
  const names: string[] = [];
  try {
    for (const { path, value } of secrets) {
      // Of its own: the swarm refuses to remove one that a leftover helper still has.
      const name = `${helper.slice(0, MAX_HELPER_NAME)}-${randomBytes(4).toString('hex')}`;
      names.push(name);
      namesInUse.add(name);
      const id = await insist(clock, () => swarm.createSecret({ name, value, owner }));
      created.push({ id, name, path });
    }
    return await work(created);
  } finally {
    // One that can't be removed holds up no other: it is found and removed later.
    const removals = created.map(({ id }) => insist(clock, () => swarm.removeSecret(id)));
    const settled = await Promise.allSettled(removals);
    for (const name of names) {
      namesInUse.delete(name);
    }
    refuseFaults(settled);
  }
}

/** What the swarm did not do is done later; a fault of our own is not passed over. */
function refuseFaults(settled: readonly PromiseSettledResult<void>[]): void {
  for (const result of settled) {
    if (result.status === 'rejected' && !(result.reason instanceof SwarmError)) {
      throw result.reason;
    }
  }
}

async function createHelper(
  world: HelperWorld,
  helper: HelperService,
  options: HelperOptions,
): Promise<string> {
  const create = () => insist(world.clock, () => world.swarm.createHelper(helper, options));
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof SwarmError && error.code === 'name_conflict')) {
      throw error;
    }
  }
  await removeLeftover(world, helper.name);
  return await create();
}

/** A helper that is still there was left behind: it goes, unless it is at work for somebody who is there to see it. */
async function removeLeftover(world: HelperWorld, name: string): Promise<void> {
  const { swarm } = world;
  const service = await swarm.findService(name);
  if (service === undefined) {
    return;
  }
  const owner = service.labels[helperLabel];
  if (owner === undefined || (!(await isFinished(world, service)) && (await isOfAnother(world, owner)))) {
    throw busy(name);
  }
  await removeHelper(world, service.id);
}

function isOfAnother({ swarm, owner: self }: HelperWorld, owner: string): Promise<boolean> | false {
  // What is at work for this process is told by its name, before it comes to this.
  return owner !== self && isAlive(swarm, self, owner);
}

async function isFinished(
  { swarm, clock, pendingTimeoutMs }: HelperWorld,
  { id, createdAt }: Service,
): Promise<boolean> {
  const tasks = await swarm.listTasks(id);
  const ageMs = clock.now().getTime() - Date.parse(createdAt);
  // Right after its creation a service has no tasks yet, which does not mean that it has finished.
  return tasks.length === 0 ? ageMs > pendingTimeoutMs : tasks.every(task => isTerminal(task.state));
}

function busy(name: string): OperationError {
  return new OperationError(
    'helper_busy',
    `The helper service ${name} of an earlier run is still at work. Try again when it has finished, or remove it: ` +
      `docker service rm ${name}`,
  );
}
