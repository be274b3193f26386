import type { OperationErrorCode } from '../../core/errors.ts';
import { mergeHelperReports } from '../../core/helper.ts';
import type { ServiceWork } from '../../core/step.ts';
import { plural } from '../../core/text/plural.ts';
import { describeEnd } from '../backup/helper-output.ts';
import { insist } from '../insist.ts';
import { settleAll } from '../settle-all.ts';
import type { Task } from '../swarm.ts';
import { isRunning } from '../task-report.ts';
import { type ExecOutcome, execInContainer } from './exec-in-container.ts';
import { describeIdle, describeMissed, warnOfIdle } from './exec-missed.ts';
import type { StepExecutor, StepOutcome } from './step-executor.ts';

/** Runs a label's text in the container of every running task, each through a helper on the task's own node. */
export const exec: StepExecutor<ServiceWork & { kind: 'exec' }> = async (context, step) => {
  const { world, service } = context;
  const { isSequential, isRequired } = step.work;
  const tasks = await insist(world.clock, () => world.swarm.listTasks(service.id));
  const running = tasks.filter(isRunning);
  if (running.length === 0 && isRequired) {
    const message = [
      `No task was running, so ${step.name} ran nowhere and nothing was backed up.`,
      describeIdle(service, tasks),
      'The label swarm-utils.backup.exec.required=false makes a backup without it good.',
    ];
    return fail('failed', 'exec_failed', message.filter(text => text !== '').join(' '));
  }
  context.onProgress(`Running it in ${plural(running.length, 'task')}.`);
  const run = (task: Task) => execInContainer(context, step, task);
  const work = isSequential ? inTurn(running, run) : running.map(run);
  const outcomes = await settleAll(work);
  const outcome = summarize(step.name, outcomes);
  if (outcome.status !== 'succeeded') {
    return outcome;
  }
  const message = isRequired ? describeMissed(context, outcomes) : undefined;
  if (message !== undefined) {
    return { ...fail('failed', 'exec_failed', message), ...(outcome.helper && { helper: outcome.helper }) };
  }
  return { ...outcome, warnings: warnOfIdle(step, service, tasks) };
};

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
    const message = `Done in ${plural(outcomes.length - vanished.length, 'task')}.${note}`;
    return { status: 'succeeded', message, helper };
  }
  const status = failures.some(outcome => outcome.status === 'timed_out') ? 'timed_out' : 'failed';
  const code: OperationErrorCode = status === 'timed_out' ? 'timed_out' : codeOfFailure(first);
  const what =
    first === undefined
      ? `${name} ran nowhere.`
      : `${name} failed in ${failures.length} of ${plural(outcomes.length, 'task')}. ${describeEnd(first)}` +
        `${first.note === undefined ? '' : ` ${first.note}`}`;
  return { ...fail(status, code, `${what}${note}`), helper };
}

function fail(status: 'failed' | 'timed_out', code: OperationErrorCode, message: string): StepOutcome {
  return { status, message, error: { code, message } };
}

function codeOfFailure(failure: ExecOutcome | undefined): OperationErrorCode {
  return failure?.isBusy ? 'still_running' : (failure?.code ?? 'exec_failed');
}

function describeVanished(vanished: readonly ExecOutcome[]): string {
  const names = vanished.map(({ task }) => `${task.containerId?.slice(0, 12)} (task ${task.id})`);
  return names.length === 0 ? '' : ` These containers ended meanwhile: ${names.join(', ')}.`;
}
