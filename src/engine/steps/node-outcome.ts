import type { KeepReason, Selection } from '../../core/clean-selection.ts';
import { OperationError } from '../../core/errors.ts';
import type { RemovalReport, RemovedItem } from '../../core/step.ts';
import { createNodeClean, type NodeClean } from './node-clean.ts';
import { type CommandResult, NodeCommandFailure, reportHelpers } from './node-command.ts';
import type { NodeContext, StepOutcome } from './step-executor.ts';

/** Longest lists in a report: what a node answers may be anything. */
const MAX_LISTED = 200;
const MAX_NAMES = 20;
/** Each is looked for in all that was printed. So many refusals are no race with others. */
const MAX_EXPLAINED = 200;

/**
 * Does one step's part of the clean of a node.
 * @returns the outcome of the work, or that of the command that failed
 */
export async function withNodeClean(
  context: NodeContext,
  work: (clean: NodeClean) => Promise<StepOutcome>,
): Promise<StepOutcome> {
  context.clean ??= createNodeClean(context);
  return work(context.clean).catch(describeFailure);
}

function describeFailure(error: unknown): StepOutcome {
  if (error instanceof OperationError && error.code === 'helper_failed') {
    return { status: 'failed', message: error.message, error: { code: error.code, message: error.message } };
  }
  if (!(error instanceof NodeCommandFailure)) {
    throw error;
  }
  const { status, report: helper, code = 'helper_failed' } = error.outcome;
  const { message } = error;
  return status === 'timed_out'
    ? { status, message, helper, error: { code: 'timed_out', message } }
    : { status: 'failed', message, helper, error: { code, message } };
}

/**
 * The outcome of a step that removed something, or would. What the Engine refused because it is in use again, or gone
 * already, is told and no failure.
 * @param what it removed, in words
 * @param results of all commands of the step; one that was ended for its time is a failure
 */
export function concludeRemoval(
  removed: Omit<RemovalReport, 'removedCount'>,
  what: string,
  results: readonly CommandResult[],
): StepOutcome {
  const report = reportHelpers(results);
  const base = { removal: reportRemoval(removed), ...(report !== undefined && { helper: report }) };
  const verb = removed.isDryRun ? 'Would remove' : 'Removed';
  const late = results.find(({ timedOutAfterMs }) => timedOutAfterMs !== undefined);
  if (late !== undefined) {
    const message = `${verb} ${what} A command took longer than its time-out of ${late.timedOutAfterMs} ms.`;
    return { ...base, status: 'timed_out', message, error: { code: 'timed_out', message } };
  }
  const failed = removed.refused.filter(({ reason }) => !isHarmless(reason));
  const refused = removed.refused.length === 0 ? '' : ` ${removed.refused.length} were in use again or gone.`;
  const [first] = failed;
  if (first === undefined) {
    return { ...base, status: 'succeeded', message: `${verb} ${what}${refused}` };
  }
  const message = `${verb} ${what} ${failed.length} could not be removed: ${first.reason}`;
  return { ...base, status: 'failed', message, error: { code: 'not_removed', message } };
}

/** The report of a step, its lists cut to a reasonable length. */
function reportRemoval(report: Omit<RemovalReport, 'removedCount'>): RemovalReport {
  return {
    ...report,
    removed: cut(report.removed),
    removedCount: report.removed.length,
    refused: cut(report.refused),
  };
}

function cut<T extends RemovedItem>(items: readonly T[]): readonly T[] {
  return items.slice(0, MAX_LISTED).map(item => ({ ...item, names: item.names.slice(0, MAX_NAMES) }));
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
  results: readonly CommandResult[],
): readonly (RemovedItem & { readonly reason: string })[] {
  const stderr = results.flatMap(result => result.stderr);
  return items.map((item, index) => {
    if (index >= MAX_EXPLAINED) {
      return { ...item, reason: 'not removed' };
    }
    const marks = [item.id.replace('sha256:', '').slice(0, 12), ...item.names.slice(0, MAX_NAMES)];
    const line = stderr.find(text => marks.some(mark => text.includes(mark)));
    return { ...item, reason: line?.replace(/^Error(?: response from daemon)?: /, '') ?? 'not removed' };
  });
}

/** What comes of a race with others, who began to use the thing or removed it first, is no failure. */
function isHarmless(reason: string): boolean {
  return /conflict|in use|is using|being used|running container|restarting container|already in progress|no such (?:image|container)/i.test(
    reason,
  );
}
