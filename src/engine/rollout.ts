import { OperationError, type OperationErrorCode } from '../core/errors.ts';
import type { TaskReport } from '../core/helper.ts';
import type { Platform } from '../core/placement/platform.ts';
import type { RegistryCredentials } from '../core/registry-credentials.ts';
import { after, type Clock, poll } from './clock.ts';
import { insist } from './insist.ts';
import { describeRollout, type RolloutView, readView } from './rollout-view.ts';
import { type Service, type Swarm, SwarmError } from './swarm.ts';
import { reportTasks } from './task-report.ts';

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
  | { readonly status: 'succeeded'; readonly message: string }
  | {
      readonly status: 'failed' | 'rolled_back' | 'timed_out';
      readonly code: OperationErrorCode;
      readonly message: string;
      /** Failed tasks of this rollout, newest first. */
      readonly tasks: readonly TaskReport[];
    };

const WRITE_ATTEMPTS = 10;
const REPORTED_TASKS = 3;
const LOG_LINES = 20;

/**
 * Gives a service another image and watches until the swarm has come to a verdict. The verdict is the swarm's own
 * (`UpdateStatus`), which counts the monitor period; without one, as for a service that has no tasks, it is that all
 * tasks that should run do run the new image.
 * @throws OperationError `update_conflict`, `not_authorized_any_more`, `target_gone`
 * @throws SwarmError
 */
export async function rollOut(world: RolloutWorld, rollout: Rollout): Promise<RolloutOutcome> {
  if (!isUnderWay(rollout)) {
    await writeImage(world, rollout);
  }
  const { clock } = world;
  const look = () => insist(clock, () => readView(world.swarm, rollout));
  const isSteady = createSteadiness(clock);
  let said = '';
  const ended = await poll(clock, after(clock, rollout.timeoutMs), async () => {
    const view = await look();
    const progress = describeRollout(view);
    if (progress !== said) {
      said = progress;
      rollout.onProgress(progress);
    }
    const verdict = decide(world, rollout, view, isSteady(view));
    return verdict && { view, verdict };
  });
  const last = ended?.view ?? (await look());
  const { view, verdict } = ended ?? { view: last, verdict: timedOut(rollout, last) };
  if (verdict.status === 'succeeded') {
    return { status: 'succeeded', message: describeRollout(view) };
  }
  const newest = view.failed.slice(0, REPORTED_TASKS);
  const tasks = await reportTasks(world.swarm, newest, LOG_LINES, world.redact, view.service.logDriver);
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

/**
 * Where tasks of the new image have failed, those that run now may do so too: the swarm goes on with an update whose
 * failure action is `continue`, calls it completed, and starts its tasks again and again.
 * @returns whether none has failed, or the same tasks have been running as long as the swarm would watch new ones
 */
function createSteadiness(clock: Clock): (view: RolloutView) => boolean {
  let tasks = '';
  let sinceMs = 0;
  return ({ service, updated, failed }) => {
    const nowMs = clock.now().getTime();
    const seen = updated.toSorted().join();
    if (seen !== tasks) {
      tasks = seen;
      sinceMs = nowMs;
    }
    return failed.length === 0 || nowMs - sinceMs >= service.updateMonitorMs;
  };
}

type Ending =
  | { readonly status: 'succeeded' }
  | {
      readonly status: 'failed' | 'rolled_back' | 'timed_out';
      readonly code: OperationErrorCode;
      readonly message: string;
    };

/** @returns undefined while the swarm is at work */
function decide(
  { clock, pendingTimeoutMs }: RolloutWorld,
  rollout: Rollout,
  view: RolloutView,
  isSteady: boolean,
): Ending | undefined {
  const { service, update } = view;
  switch (update?.state) {
    case 'rollback_completed':
      if (hasRolledBackTo(rollout, view)) {
        return view.hasConverged && isSteady ? { status: 'succeeded' } : undefined;
      }
      return {
        status: 'rolled_back',
        code: 'rolled_back',
        message: `The swarm rolled the service back to ${service.image}: ${update.message}.`,
      };
    case 'rollback_paused':
      return {
        status: 'failed',
        code: 'rollback_paused',
        message:
          `The update failed, and so did the rollback: ${update.message}. ` +
          `See \`docker service ps ${service.name}\`, then update again with an image that starts.`,
      };
    case 'rollback_started':
      return undefined;
    default:
  }
  if (service.image !== rollout.image) {
    const message = `Somebody else gave the service another image meanwhile: ${service.image}.`;
    return { status: 'failed', code: 'replaced', message };
  }
  if (update?.state === 'paused') {
    return {
      status: 'failed',
      code: 'update_paused',
      message:
        `The swarm paused the update: ${update.message}. Update again with an image that starts, or go back: ` +
        `\`docker service rollback ${service.name}\`.`,
    };
  }
  if (view.hasConverged && isSteady && (update === undefined || update.state === 'completed')) {
    return { status: 'succeeded' };
  }
  const waiting = view.unscheduled.find(
    task => clock.now().getTime() - Date.parse(task.createdAt) > pendingTimeoutMs,
  );
  return (
    waiting && {
      status: 'failed',
      code: 'not_scheduled',
      message:
        `The swarm found no node for a task within ${pendingTimeoutMs} ms: ${waiting.error ?? waiting.message}. ` +
        `It keeps trying; make room, or go back: \`docker service rollback ${service.name}\`.`,
    }
  );
}

/** What to say when the time is over. */
function timedOut({ service, timeoutMs }: Rollout, { update, failed }: RolloutView): Ending {
  if (update?.state === 'completed' && failed.length > 0) {
    return {
      status: 'failed',
      code: 'tasks_failed',
      message:
        `The swarm calls the update completed, but its tasks did not keep running within ${timeoutMs} ms. Update again ` +
        `with an image that runs, or go back: \`docker service rollback ${service.name}\`.`,
    };
  }
  return {
    status: 'timed_out',
    code: 'timed_out',
    message:
      `The swarm came to no verdict within ${timeoutMs} ms and goes on. See \`docker service ps ${service.name}\`; ` +
      'the label swarm-utils.update.timeout gives an update more time.',
  };
}
