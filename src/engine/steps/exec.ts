import type { OperationErrorCode } from '../../core/errors.ts';
import type { HelperService } from '../../core/helper.ts';
import { helperName } from '../../core/helper-name.ts';
import { parseImageReference } from '../../core/image-reference.ts';
import { findRegistryCredentials } from '../../core/registry-credentials.ts';
import type { Step, Work } from '../../core/step.ts';
import { type HelperOutcome, runHelper } from '../run-helper.ts';
import type { Task } from '../swarm.ts';
import type { StepContext, StepExecutor, StepOutcome } from './step-executor.ts';

const DOCKER_SOCKET = '/var/run/docker.sock';

/** Runs a label's text in the container of every running task, each through a helper on the task's own node. */
export const exec: StepExecutor<Work & { kind: 'exec' }> = async (context, step) => {
  const { world, service } = context;
  const tasks = await world.swarm.listTasks(service.id);
  const running = tasks.filter(task => task.state === 'running' && task.desiredState === 'running');
  const credentials = findRegistryCredentials(
    parseImageReference(world.settings.helperImage)?.registry ?? '',
    {},
    world.settings.registries,
  );
  const helperWorld = { ...world, pendingTimeoutMs: world.settings.timeouts.pendingMs };
  context.onProgress(`${running.length} tasks run it.`);
  // All are waited for, also when one can't even begin: none may be at work once the lock is free.
  const settled = await Promise.allSettled(
    running.map(task => runHelper(helperWorld, planExec(context, step, task), credentials)),
  );
  return summarize(step.name, settled.map(outcomeOf));
};

function planExec(
  context: StepContext,
  step: Step & { work: Work & { kind: 'exec' } },
  task: Task,
): HelperService {
  return {
    name: helperName(step.name, context.service, task.slot === undefined ? `${task.nodeId}` : `${task.slot}`),
    image: context.world.settings.helperImage,
    // The shell is the one in the target's container; the text is one argument all the way to it.
    command: ['docker', 'exec', `${task.containerId}`, step.work.shell, '-c', step.work.script],
    nodeId: `${task.nodeId}`,
    mounts: [{ type: 'bind', source: DOCKER_SOCKET, target: DOCKER_SOCKET, isReadOnly: true }],
    timeoutMs: step.timeoutMs,
  };
}

function outcomeOf<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') {
    throw settled.reason;
  }
  return settled.value;
}

function summarize(name: string, outcomes: readonly HelperOutcome[]): StepOutcome {
  const helper = {
    name: outcomes.map(({ report }) => report.name).join(', '),
    tasks: outcomes.flatMap(({ report }) => report.tasks),
  };
  const failures = outcomes.filter(({ status }) => status !== 'succeeded');
  const [first] = failures;
  if (first === undefined) {
    return { status: 'succeeded', message: `Done in ${outcomes.length} tasks.`, helper };
  }
  const status = failures.some(outcome => outcome.status === 'timed_out') ? 'timed_out' : 'failed';
  const code: OperationErrorCode = status === 'timed_out' ? 'timed_out' : 'exec_failed';
  const message =
    `${name} failed in ${failures.length} of ${outcomes.length} tasks. ${first.message ?? ''}`.trim();
  return { status, message, helper, error: { code, message } };
}
