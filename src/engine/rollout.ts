import { OperationError } from '../core/errors.ts';
import type { TaskReport } from '../core/helper.ts';
import type { Platform } from '../core/placement/platform.ts';
import type { RegistryCredentials } from '../core/registry-credentials.ts';
import type { Warning } from '../core/warning.ts';
import { after, type Clock, poll } from './clock.ts';
import { insist } from './insist.ts';
import { type Ending, type Judged, judgeRollout, judgeTimeout, type Observed } from './rollout/verdict.ts';
import { describeRollout, type RolloutView, readView, warnOfRollout } from './rollout-view.ts';
import { type Service, type Swarm, SwarmError, type Task } from './swarm.ts';
import { listNodes, reportTasks } from './task-report.ts';
import { uncertain } from './uncertain.ts';

export interface RolloutWorld {
  readonly swarm: Swarm;
  readonly clock: Clock;
  readonly pendingTimeoutMs: number;
  readonly redact: (text: string) => string;
}

export interface Rollout {
  /** As it was before. */
  readonly service: Service;
  /** Pinned reference. */
  readonly image: string;
  /** Of the image, as they go into the placement. */
  readonly platforms: readonly Platform[];
  readonly isForce: boolean;
  readonly credentials?: RegistryCredentials | undefined;
  /** Until the swarm has come to a verdict, milliseconds. */
  readonly timeoutMs: number;
  readonly onProgress: (message: string) => void;
  /**
   * Asked right before each attempt to write.
   * @returns the version of the service that may be written
   * @throws OperationError `not_authorized_any_more`
   */
  readonly checkStillAllowed: () => Promise<number>;
}

export type RolloutOutcome =
  | {
      readonly status: 'succeeded';
      readonly message: string;
      /** What is not as it should be although the swarm has done all that it will do. */
      readonly warnings: readonly Warning[];
    }
  | (Exclude<Ending, { readonly status: 'succeeded' }> & {
      /** Failed tasks of this rollout, newest first. */
      readonly tasks: readonly TaskReport[];
    });

const WRITE_ATTEMPTS = 10;
const REPORTED_TASKS = 3;
const LOG_LINES = 20;

/**
 * Gives a service another image and watches until the swarm has come to a verdict. The verdict is the swarm's own
 * (`UpdateStatus`), which counts the monitor period; without one, as for a service that has no tasks, it is that all
 * tasks that should run do run the new image, or ended well where they are to end.
 * @throws OperationError `update_conflict`, `not_authorized_any_more`, `target_gone`
 * @throws SwarmError
 */
export async function rollOut(world: RolloutWorld, rollout: Rollout): Promise<RolloutOutcome> {
  if (!isUnderWay(rollout)) {
    await writeImage(world, rollout);
  }
  const { clock } = world;
  const look = () =>
    insist(clock, () => readView(world.swarm, rollout)).catch(error => {
      throw uncertain(error);
    });
  const observe = createObserver(clock);
  const judged: Judged = {
    ...rollout,
    pendingTimeoutMs: world.pendingTimeoutMs,
    isRollbackTo: view => hasRolledBackTo(rollout, view),
  };
  let said = '';
  const ended = await poll(clock, after(clock, rollout.timeoutMs), async () => {
    const view = await look();
    const progress = describeRollout(view);
    if (progress !== said) {
      said = progress;
      rollout.onProgress(progress);
    }
    const verdict = judgeRollout(judged, view, observe(view));
    return verdict && { view, verdict };
  });
  const view = ended?.view ?? (await look());
  const verdict = ended?.verdict ?? judgeTimeout(judged, view, await listNodes(world.swarm));
  if (verdict.status === 'succeeded') {
    return { status: 'succeeded', message: describeRollout(view), warnings: warnOfRollout(view) };
  }
  const newest = view.failed.slice(0, REPORTED_TASKS);
  const tasks = await reportTasks(world.swarm, newest, LOG_LINES, world.redact, view.service);
  return { ...verdict, message: world.redact(`${verdict.message} ${describeRollout(view)}`), tasks };
}

/**
 * Whether the swarm is at this very update already, or on its way back to this very image. Writing the same spec once
 * more would make it forget the update's status, and with it that it should pause or roll back.
 * @see swarmkit, manager/controlapi/service.go (UpdateService) and manager/orchestrator/update/updater.go
 */
function isUnderWay({ service, image, isForce }: Rollout): boolean {
  const isAtWork = service.update?.state === 'updating' || service.update?.state === 'rollback_started';
  return service.image === image && !isForce && isAtWork;
}

/** Whether the rollback that was under way when we came has brought the service back to the image that is asked for. */
function hasRolledBackTo(rollout: Rollout, { service, update }: RolloutView): boolean {
  const before = rollout.service.update;
  return (
    isUnderWay(rollout) &&
    before?.state === 'rollback_started' &&
    before.startedAt === update?.startedAt &&
    service.image === rollout.image
  );
}

/** Somebody else may write the service at the same moment; then it is read and written anew. */
async function writeImage({ swarm, clock }: RolloutWorld, rollout: Rollout): Promise<void> {
  const { service, image, platforms, isForce, credentials } = rollout;
  for (let attempt = 1; ; attempt++) {
    try {
      const version = await rollout.checkStillAllowed();
      return await swarm.updateServiceImage(service.id, { image, platforms, isForce, version }, credentials);
    } catch (error) {
      if (!(error instanceof SwarmError && error.code === 'out_of_sequence')) {
        throw error;
      }
      if (attempt === WRITE_ATTEMPTS) {
        const message = `Others kept changing the service: ${attempt} attempts to write it were out of sequence.`;
        throw new OperationError('update_conflict', message, { cause: error });
      }
      await clock.sleep(attempt * 20);
    }
  }
}

function createObserver(clock: Clock): (view: RolloutView) => Observed {
  const [running, givenUp, state] = [createStopwatch(clock), createStopwatch(clock), createStopwatch(clock)];
  return view => ({
    now: clock.now(),
    runningMs: running(view.progress.running.toSorted().join()),
    givenUpMs: givenUp(idsOf(view.givenUp)),
    stateMs: state(`${view.update?.state} ${view.update?.startedAt}`),
  });
}

/** Tells for how long what is looked at has been the same, milliseconds. */
function createStopwatch(clock: Clock): (seen: string) => number {
  let last: string | undefined;
  let since = 0;
  return seen => {
    const now = clock.now().getTime();
    if (seen !== last) {
      last = seen;
      since = now;
    }
    return now - since;
  };
}

function idsOf(tasks: readonly Task[]): string {
  return tasks
    .map(({ id }) => id)
    .sort()
    .join();
}
