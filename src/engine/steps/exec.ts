import type { OperationErrorCode } from '../../core/errors.ts';
import { mergeHelperReports } from '../../core/helper.ts';
import { helperName } from '../../core/helper-name.ts';
import type { ServiceWork, Step } from '../../core/step.ts';
import { describeEnd } from '../backup/helper-output.ts';
import { after, poll } from '../clock.ts';
import { insist } from '../insist.ts';
import type { HelperOutcome } from '../run-helper.ts';
import { settleAll } from '../settle-all.ts';
import type { Task } from '../swarm.ts';
import { isRunning } from '../task-report.ts';
import { runDockerCommand } from './docker-command.ts';
import type { ServiceContext, StepExecutor, StepOutcome } from './step-executor.ts';

/** As long as a node with much to do takes to say that a container has ended. */
const ENDED_TIMEOUT_MS = 10_000;

type ExecStep = Step & { readonly work: ServiceWork & { kind: 'exec' } };

/** One container's part. */
interface ExecOutcome extends HelperOutcome {
  readonly task: Task;
  /** Its container ended before the command could run in it, or meanwhile. */
  readonly hasVanished: boolean;
}

/** Runs a label's text in the container of every running task, each through a helper on the task's own node. */
export const exec: StepExecutor<ServiceWork & { kind: 'exec' }> = async (context, step) => {
  const { world, service } = context;
  const tasks = await world.swarm.listTasks(service.id);
  const running = tasks.filter(isRunning);
  context.onProgress(`${running.length} tasks run it.`);
  const run = (task: Task) => execIn(context, step, task);
  const work = step.work.isSequential ? inTurn(running, run) : running.map(run);
  return summarize(step.name, await settleAll(work));
};

async function execIn(context: ServiceContext, step: ExecStep, task: Task): Promise<ExecOutcome> {
  const { world, service } = context;
  const { shell, script, passesOverVanished = false } = step.work;
  const outcome = await runDockerCommand(world, {
    name: helperName(step.name, service, task.slot === undefined ? `${task.nodeId}` : `${task.slot}`),
    nodeId: `${task.nodeId}`,
    // The shell is the one in the target's container; the text is one argument all the way to it.
    command: ['docker', 'exec', `${task.containerId}`, shell, '-c', script],
    timeoutMs: step.timeoutMs,
  });
  const hasVanished =
    passesOverVanished &&
    outcome.status === 'failed' &&
    saysThatItEnded(outcome) &&
    (await hasEnded(context, task));
  return { ...outcome, task, hasVanished };
}

/** What `docker exec` says of a container that is not there, has stopped, or stops while the command runs (137). */
function saysThatItEnded({ report }: HelperOutcome): boolean {
  return report.tasks.some(
    ({ exitCode, logs }) =>
      exitCode === 137 || logs.some(line => /No such container|is not running|in a stopped/i.test(line)),
  );
}

/** `docker exec` knows it before the swarm does, which hears of it once the node has cleared the container away. */
async function hasEnded({ world: { swarm, clock } }: ServiceContext, { id }: Task): Promise<boolean> {
  const ended = await poll(clock, after(clock, ENDED_TIMEOUT_MS), async () => {
    const task = await insist(clock, () => swarm.getTask(id));
    return task !== undefined && isRunning(task) ? undefined : true;
  });
  return ended ?? false;
}

/** Each begins when the one before has ended, well or not. */
function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): readonly Promise<R>[] {
  let before: Promise<unknown> = Promise.resolve();
  return items.map(item => {
    const own = before.then(() => work(item));
    before = own.catch(() => undefined);
    return own;
  });
}

function summarize(name: string, outcomes: readonly ExecOutcome[]): StepOutcome {
  const helper = mergeHelperReports(outcomes.map(({ report }) => report));
  const vanished = outcomes.filter(({ hasVanished }) => hasVanished);
  const failures = outcomes.filter(({ status, hasVanished }) => status !== 'succeeded' && !hasVanished);
  const note = describeVanished(vanished);
  const [first] = failures;
  if (first === undefined && (vanished.length === 0 || vanished.length < outcomes.length)) {
    const message = `Done in ${outcomes.length - vanished.length} tasks.${note}`;
    return { status: 'succeeded', message, helper };
  }
  const status = failures.some(outcome => outcome.status === 'timed_out') ? 'timed_out' : 'failed';
  const code: OperationErrorCode = status === 'timed_out' ? 'timed_out' : (first?.code ?? 'exec_failed');
  const what =
    first === undefined
      ? `${name} ran nowhere.`
      : `${name} failed in ${failures.length} of ${outcomes.length} tasks. ${describeEnd(first)}`;
  const message = `${what}${note}`;
  return { status, message, helper, error: { code, message } };
}

function describeVanished(vanished: readonly ExecOutcome[]): string {
  const names = vanished.map(({ task }) => `${task.containerId?.slice(0, 12)} (task ${task.id})`);
  return names.length === 0 ? '' : ` These containers ended meanwhile: ${names.join(', ')}.`;
}
