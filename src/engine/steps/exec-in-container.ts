import { randomBytes } from 'node:crypto';
import { helperName } from '../../core/helper-name.ts';
import type { ServiceWork, Step } from '../../core/step.ts';
import { plural } from '../../core/text/plural.ts';
import { describeEnd } from '../backup/helper-output.ts';
import { after, poll } from '../clock.ts';
import { describeError } from '../describe-error.ts';
import { insist } from '../insist.ts';
import type { HelperOutcome } from '../run-helper.ts';
import type { Task } from '../swarm.ts';
import { isRunning } from '../task-report.ts';
import { runDockerCommand } from './docker-command.ts';
import { endScript, runScript, stopScript } from './exec-scripts.ts';
import type { ServiceContext } from './step-executor.ts';

/** As long as a node with much to do takes to say that a container has ended. */
const ENDED_TIMEOUT_MS = 10_000;
/** Enough for what ends processes, which takes about ten seconds. */
const END_TIMEOUT_MS = 30_000;

type ExecStep = Step & { readonly work: ServiceWork & { kind: 'exec' } };

/** One container's part. */
export interface ExecOutcome extends HelperOutcome {
  readonly task: Task;
  /** Its container ended before the command could run in it, or meanwhile. */
  readonly hasVanished: boolean;
  /** What an earlier run began is at work there still, so nothing was begun. */
  readonly isBusy?: boolean;
  /** What came of what it had begun in the container, as a sentence. */
  readonly note?: string;
}

/**
 * Runs a label's text in the container of a task, by a helper on the task's own node. What overruns its time is ended in the
 * container too; where that can't be done, and while what an earlier run began is at work there, nothing is begun.
 * @throws OperationError `helper_busy`
 * @throws SwarmError
 */
export async function execInContainer(
  context: ServiceContext,
  step: ExecStep,
  task: Task,
): Promise<ExecOutcome> {
  const { world, service } = context;
  const { shell, script, user = '', passesOverVanished = false } = step.work;
  const { helperImage } = world.settings;
  const [run, word] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
  const seconds = `${Math.ceil(step.timeoutMs / 1000)}`;
  const ours = [run, seconds, user, helperImage, world.owner, endScript, word];
  const outcome = await runDockerCommand(world, {
    name: helperName(step.name, service, placeOf(task)),
    nodeId: `${task.nodeId}`,
    // The shell at the end is the one in the target's container; the text is one argument all the way to it.
    command: ['/bin/sh', '-euc', runScript, 'sh', `${task.containerId}`, ...ours, shell, '-c', script],
    timeoutMs: step.timeoutMs,
  });
  const left = readStillRunning(outcome, word);
  if (left !== undefined) {
    return { ...left, task, hasVanished: false, isBusy: true };
  }
  if (outcome.status === 'timed_out') {
    return { ...outcome, task, hasVanished: false, note: await endIn(context, step, task, run) };
  }
  const hasVanished =
    passesOverVanished &&
    outcome.status === 'failed' &&
    saysThatItEnded(outcome) &&
    (await hasEnded(context, task));
  return { ...outcome, task, hasVanished };
}

function placeOf({ slot, nodeId }: Task): string {
  return slot === undefined ? `${nodeId}` : `${slot}`;
}

/** The word was made for this run, so nobody else could have printed it. */
function readStillRunning(outcome: HelperOutcome, word: string): HelperOutcome | undefined {
  const isSaid = (line: string) => line.startsWith(`${word} `);
  const said = outcome.report.tasks.flatMap(({ logs }) => logs).find(isSaid);
  if (said === undefined) {
    return undefined;
  }
  const seconds = Number(said.slice(word.length + 1));
  const tasks = outcome.report.tasks.map(task => ({
    ...task,
    logs: task.logs.filter(line => !isSaid(line)),
  }));
  const when =
    seconds > 0
      ? ` It may take ${plural(seconds, 'second')} more.`
      : ' Its time is over, but it can not be ended.';
  const message = `What an earlier run began in the container is still running, so nothing was begun.${when}`;
  return { ...outcome, message, report: { ...outcome.report, tasks } };
}

/** The helper is gone by now, but what it began goes on in the container. */
async function endIn(context: ServiceContext, step: ExecStep, task: Task, run: string): Promise<string> {
  const why = await runEnd(context, step, task, run).catch(error => describeError(error).message);
  return why === undefined
    ? 'What it had begun in the container was ended.'
    : `What it had begun in the container could not be ended, and may go on there; the next run is refused while it does. ${why}`.trim();
}

/** @returns why it may go on; undefined where nothing of it does */
async function runEnd(
  { world, service }: ServiceContext,
  step: ExecStep,
  task: Task,
  run: string,
): Promise<string | undefined> {
  const outcome = await runDockerCommand(world, {
    name: helperName(`${step.name}-end`, service, placeOf(task)),
    nodeId: `${task.nodeId}`,
    command: [
      ...['/bin/sh', '-euc', stopScript, 'sh'],
      ...[`${task.containerId}`, run, world.settings.helperImage, world.owner, endScript],
    ],
    timeoutMs: END_TIMEOUT_MS,
    printsData: true,
  });
  const { status, output } = outcome;
  return status === 'succeeded' && output?.stdout.at(-1)?.startsWith('0 ') ? undefined : describeEnd(outcome);
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
