import type { KeepReason, Selection } from '../../core/clean-selection.ts';
import { OperationError } from '../../core/errors.ts';
import type { HelperReport } from '../../core/helper.ts';
import { helperName } from '../../core/helper-name.ts';
import type { RemovalReport, RemovedItem, Step } from '../../core/step.ts';
import type { HelperOutcome } from '../run-helper.ts';
import type { TaskOutput } from '../swarm.ts';
import { runDockerCommand } from './docker-command.ts';
import type { NodeContext, StepOutcome } from './step-executor.ts';

/** The commands of one step on its node, and what they came to. */
export interface NodeCommands {
  /**
   * Runs a command whose output is all that matters.
   * @param place tells the commands of one step apart
   * @throws NodeCommandFailure unless it succeeded
   */
  read(place: string, command: readonly string[]): Promise<readonly string[]>;
  /**
   * Runs a command that may do a part of its work and fail.
   * @throws NodeCommandFailure when it did not come to its end
   */
  attempt(place: string, command: readonly string[]): Promise<TaskOutput & { readonly hasFailed: boolean }>;
}

/** A helper did not do what the step needs of it. */
export class NodeCommandFailure extends Error {
  override readonly name = 'NodeCommandFailure';
  readonly outcome: HelperOutcome;

  constructor(outcome: HelperOutcome) {
    super(outcome.message ?? 'The helper failed.');
    this.outcome = outcome;
  }
}

/** Longest lists in a report. */
const MAX_LISTED = 200;

/**
 * Does a step of a clean with commands on its node.
 * @returns the outcome of the work, or that of the command that failed; with what the helpers were
 */
export async function withNodeCommands(
  context: NodeContext,
  step: Step,
  work: (commands: NodeCommands) => Promise<StepOutcome>,
): Promise<StepOutcome> {
  const { world, node } = context;
  const reports: HelperReport[] = [];
  const run = async (place: string, command: readonly string[]) => {
    const outcome = await runDockerCommand(world, {
      name: helperName(`clean-${step.name}`, { id: node.id, name: node.hostname }, place),
      nodeId: node.id,
      command,
      timeoutMs: step.timeoutMs,
      printsData: true,
    });
    reports.push(outcome.report);
    return outcome;
  };
  const outcome = await work({
    async read(place, command) {
      const { status, output, ...rest } = await run(place, command);
      if (status !== 'succeeded' || output === undefined) {
        throw new NodeCommandFailure({ status, ...rest });
      }
      return output.stdout;
    },
    async attempt(place, command) {
      const { output, ...rest } = await run(place, command);
      if (output === undefined) {
        throw new NodeCommandFailure(rest);
      }
      return { ...output, hasFailed: rest.status !== 'succeeded' };
    },
  }).catch(describeFailure);
  const helper = {
    name: reports.map(({ name }) => name).join(', '),
    tasks: reports.flatMap(({ tasks }) => tasks),
  };
  return { ...outcome, helper };
}

function describeFailure(error: unknown): StepOutcome {
  if (error instanceof OperationError && error.code === 'helper_failed') {
    return { status: 'failed', message: error.message, error: { code: error.code, message: error.message } };
  }
  if (!(error instanceof NodeCommandFailure)) {
    throw error;
  }
  const { status, report } = error.outcome;
  const printed = report.tasks.flatMap(({ logs }) => logs).at(-1);
  const message = printed === undefined ? error.message : `${error.message} It printed: ${printed}`;
  return status === 'timed_out'
    ? { status, message, error: { code: 'timed_out', message } }
    : { status: 'failed', message, error: { code: 'helper_failed', message } };
}

/** The report of a step, its lists cut to a reasonable length. */
export function reportRemoval(report: Omit<RemovalReport, 'removedCount'>): RemovalReport {
  return {
    ...report,
    removed: report.removed.slice(0, MAX_LISTED),
    removedCount: report.removed.length,
    refused: report.refused.slice(0, MAX_LISTED),
  };
}

const words: Readonly<Record<KeepReason, string>> = {
  container: 'used by containers',
  service: 'needed by services',
  pattern: 'kept by a pattern',
  age: 'too young',
  helper: 'of helpers',
  unreadable: 'with a name that can not be read',
};

/** What was kept and why: ` Kept 3: 2 used by containers, 1 too young.` */
export function describeKept({ kept }: Selection<unknown>): string {
  const parts = [...kept].map(([reason, count]) => `${count} ${words[reason]}`);
  return parts.length === 0 ? '' : ` Kept ${countKept({ kept })}: ${parts.join(', ')}.`;
}

export function countKept({ kept }: Pick<Selection<unknown>, 'kept'>): number {
  return [...kept.values()].reduce((sum, count) => sum + count, 0);
}

/** Of what the Engine did not let go, why: its line that names the thing. */
export function findRefusals(
  items: readonly RemovedItem[],
  stderr: readonly string[],
): readonly (RemovedItem & { readonly reason: string })[] {
  return items.map(item => {
    const marks = [item.id.replace('sha256:', '').slice(0, 12), ...item.names];
    const line = stderr.find(text => marks.some(mark => text.includes(mark)));
    return { ...item, reason: line?.replace(/^Error(?: response from daemon)?: /, '') ?? 'not removed' };
  });
}

/** What comes of a race with others, who began to use the thing or removed it first, is no failure. */
export function isHarmless(reason: string): boolean {
  return /conflict|in use|is using|being used|running container|restarting container|already in progress|no such (?:image|container)/i.test(
    reason,
  );
}
