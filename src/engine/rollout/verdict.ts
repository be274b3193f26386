import type { OperationErrorCode } from '../../core/errors.ts';
import { plural } from '../../core/text/plural.ts';
import { adviseOnScheduling } from '../docker/scheduler-words.ts';
import type { RolloutView } from '../rollout-view.ts';
import type { Node, Task } from '../swarm.ts';
import { isTerminal } from '../task-report.ts';

/** How a rollout ended. */
export type Ending =
  | { readonly status: 'succeeded' }
  | {
      readonly status: 'failed' | 'rolled_back' | 'timed_out';
      readonly code: OperationErrorCode;
      readonly message: string;
    };

/** What was asked for, as far as it is judged. */
export interface Judged {
  /** Pinned reference. */
  readonly image: string;
  readonly timeoutMs: number;
  readonly pendingTimeoutMs: number;
  /** The swarm was rolling back to this very image when we came, and nothing was written. */
  readonly isRollbackTo: (view: RolloutView) => boolean;
}

/** What was seen for how long, milliseconds. */
export interface Observed {
  readonly now: Date;
  /** The same tasks run. */
  readonly runningMs: number;
  /** The same tasks have no successor. */
  readonly givenUpMs: number;
  /** The swarm has the same word for the update. */
  readonly stateMs: number;
}

/** The swarm makes the successor of a task in the moment that it sees its end. */
const GIVEN_UP_MS = 3000;
/** @see https://docs.docker.com/reference/cli/docker/service/create/ `--update-monitor` */
const STEADY_MS = 5000;

/**
 * The verdict is the swarm's own, as soon as its tasks are as it says.
 * @returns undefined while the swarm is at work
 */
export function judgeRollout(judged: Judged, view: RolloutView, observed: Observed): Ending | undefined {
  const { service, update, progress } = view;
  switch (update?.state) {
    case 'rollback_completed':
      if (judged.isRollbackTo(view)) {
        return progress.hasConverged && isSteady(view, observed) ? { status: 'succeeded' } : undefined;
      }
      // The swarm can be done before a task of the old image has begun.
      return view.current.hasConverged || observed.stateMs >= judged.pendingTimeoutMs
        ? rolledBack(view)
        : undefined;
    case 'rollback_paused':
      return {
        status: 'failed',
        code: 'rollback_paused',
        message:
          `The update failed, and so did the rollback: ${update.message}.${causeOf(view)} ` +
          `See \`docker service ps ${service.name}\`, then update again with an image that starts.`,
      };
    case 'rollback_started':
      return undefined;
    default:
  }
  if (service.image !== judged.image) {
    const message = `Somebody else gave the service another image meanwhile: ${service.image}.`;
    return { status: 'failed', code: 'replaced', message };
  }
  if (update?.state === 'paused') {
    // To the swarm any end while it watches is a failure; to a one-shot service exit code 0 is what it is for.
    return progress.hasConverged && progress.done.length > 0 && view.failed.length === 0
      ? { status: 'succeeded' }
      : paused(view, update.message);
  }
  if (update === undefined || update.state === 'completed') {
    if (progress.hasConverged && isSteady(view, observed)) {
      return { status: 'succeeded' };
    }
    if (view.givenUp.length > 0 && observed.givenUpMs >= GIVEN_UP_MS) {
      return tasksFailed(view, 'ended, and the swarm starts no others');
    }
  }
  return notScheduled(judged, view, observed);
}

/** What to say when the time is over. */
export function judgeTimeout(judged: Judged, view: RolloutView, nodes: readonly Node[]): Ending {
  const { service, update, failed } = view;
  if (update?.state === 'rollback_completed' && !judged.isRollbackTo(view)) {
    return rolledBack(view);
  }
  if (update?.state === 'completed' && failed.length > 0) {
    return tasksFailed(view, `did not keep running within ${judged.timeoutMs} ms`);
  }
  const hindrance = describeHindrance(view, nodes);
  return {
    status: 'timed_out',
    code: 'timed_out',
    message:
      `The swarm came to no verdict within ${judged.timeoutMs} ms and goes on.${hindrance}${causeOf(view)} See ` +
      `\`docker service ps ${service.name}\`; the label swarm-utils.update.timeout gives an update more time.`,
  };
}

/**
 * Where tasks of the new image have failed, those that run now may do so too: the swarm goes on with an update whose
 * failure action is `continue`, calls it completed, and starts its tasks again and again. So they must run as long as
 * the swarm would watch new ones, and as long as it does by default: some watch for milliseconds.
 */
function isSteady({ service, failed }: RolloutView, { runningMs }: Observed): boolean {
  return failed.length === 0 || runningMs >= Math.max(service.updateMonitorMs, STEADY_MS);
}

function rolledBack(view: RolloutView): Ending {
  const { service, update, current } = view;
  const { running, done, wanted } = current;
  const rest = current.hasConverged
    ? ''
    : ` Only ${running.length + done.length} of ${wanted} tasks run it so far: see \`docker service ps ${service.name}\`.`;
  return {
    status: 'rolled_back',
    code: 'rolled_back',
    message: `The swarm rolled the service back to ${service.image}: ${update?.message}.${causeOf(view)}${rest}`,
  };
}

function paused(view: RolloutView, words: string): Ending {
  const { name } = view.service;
  return {
    status: 'failed',
    code: 'update_paused',
    message:
      `The swarm paused the update: ${words}.${causeOf(view)} Update again with an image that starts, or go back: ` +
      `\`docker service rollback ${name}\`.`,
  };
}

function tasksFailed(view: RolloutView, what: string): Ending {
  const { name, failureAction, updateMonitorMs } = view.service;
  const calls =
    view.update?.state === 'completed' ? 'The swarm calls the update completed, but its tasks' : 'The tasks';
  const late =
    failureAction === 'continue' || view.update?.state !== 'completed'
      ? ''
      : ` They failed later than the ${updateMonitorMs} ms that the swarm watches new tasks for, so its failure action ` +
        `(${failureAction}) was not taken: \`--update-monitor\` makes it watch longer.`;
  return {
    status: 'failed',
    code: 'tasks_failed',
    message:
      `${calls} ${what}.${causeOf(view)}${late} Update again with an image that runs, or go back: ` +
      `\`docker service rollback ${name}\`.`,
  };
}

function notScheduled(judged: Judged, view: RolloutView, { now }: Observed): Ending | undefined {
  const { pendingTimeoutMs } = judged;
  const isOverdue = ({ createdAt }: Task) => now.getTime() - Date.parse(createdAt) > pendingTimeoutMs;
  const waiting = view.unscheduled.find(isOverdue);
  if (waiting === undefined) {
    return undefined;
  }
  const why = waiting.error ?? waiting.message;
  const advice = adviseOnScheduling(why);
  return {
    status: 'failed',
    code: 'not_scheduled',
    message:
      `The swarm found no node for a task within ${pendingTimeoutMs} ms: ${why}. It keeps trying; ` +
      `${advice === '' ? '' : `${advice}, or `}go back: \`docker service rollback ${view.service.name}\`.`,
  };
}

/** Why it failed, in the words of the newest task that did. */
function causeOf({ failed, ended, service }: RolloutView): string {
  const [newest] = failed;
  if (newest !== undefined) {
    return ` Cause: ${newest.error?.replace(/\.$/, '') ?? 'a task ended with exit code 0, but is to run on'}.`;
  }
  return ended.length === 0
    ? ''
    : ` Cause: a task ended with exit code 0 within the ${service.updateMonitorMs} ms that the swarm watches new tasks ` +
        'for, which it takes for a failure: with `--update-failure-action continue` it goes on.';
}

/** Nodes that do not answer hold tasks that neither end nor begin; elsewhere old ones take their time to end. */
function describeHindrance({ stuck }: RolloutView, nodes: readonly Node[]): string {
  const away = nodes.filter(
    ({ id, state }) => state !== 'ready' && stuck.some(({ nodeId }) => nodeId === id),
  );
  const named = away.slice(0, 5).map(({ hostname, state }) => `${hostname} is ${state}`);
  if (named.length > 0) {
    return ` It has tasks on nodes that do not answer: ${named.join(', ')}.`;
  }
  const ending = stuck.filter(({ desiredState }) => isTerminal(desiredState)).length;
  return ending === 0
    ? ''
    : ` ${plural(ending, 'task')} told to end ${ending === 1 ? 'has' : 'have'} not ended yet.`;
}
