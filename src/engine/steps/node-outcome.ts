import type { KeepReason, Selection } from '../../core/clean-selection.ts';
import { OperationError } from '../../core/errors.ts';
import type { RemovalReport, RemovedItem } from '../../core/step.ts';
import type { Warning } from '../../core/warning.ts';
import { EngineAskFailure, type Exchange, reportHelpers } from '../node-engine/conversation.ts';
import type { Fate } from '../node-engine/removals.ts';
import { createNodeClean, type NodeClean } from './node-clean.ts';
import type { NodeContext, StepOutcome } from './step-executor.ts';

/** Longest lists in a report: what a node answers may be anything. */
const MAX_LISTED = 200;
const MAX_NAMES = 20;
/** What a warning names of what it is about. */
const MAX_WARNED = 5;

/**
 * Does one step's part of the clean of a node.
 * @returns the outcome of the work, or that of what failed
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
  if (!(error instanceof EngineAskFailure)) {
    throw error;
  }
  const { status, report: helper, code = 'helper_failed' } = error.outcome;
  const { message } = error;
  return status === 'timed_out'
    ? { status, message, helper, error: { code: 'timed_out', message } }
    : { status: 'failed', message, helper, error: { code, message } };
}

/** Something that a step had chosen, and what became of it. */
export interface Outcome {
  readonly item: RemovedItem;
  readonly fate: Fate;
}

/** In a dry run all that was chosen would be removed. */
export function wouldBeRemoved(items: readonly RemovedItem[]): readonly Outcome[] {
  return items.map(item => ({ item, fate: { kind: 'removed' } }));
}

export function removedOf(outcomes: readonly Outcome[]): readonly RemovedItem[] {
  return outcomes.filter(({ fate }) => fate.kind === 'removed').map(({ item }) => item);
}

/** What a step of a clean has to say. */
export interface RemovalSummary {
  readonly kind: RemovalReport['kind'];
  readonly isDryRun: boolean;
  readonly outcomes: readonly Outcome[];
  readonly keptCount?: number;
  readonly reclaimedBytes?: number | undefined;
  /** What it removed, in words; ends with a full stop. */
  readonly what: string;
  /** All exchanges of the step; one that was ended for its time is a failure. */
  readonly exchanges: readonly Exchange[];
}

/**
 * The outcome of a step that removed something, or would. What the Engine did not let go because it is in use again is
 * told, with a warning, and no failure; what is gone already is what was wanted.
 */
export function concludeRemoval(summary: RemovalSummary): StepOutcome {
  const { isDryRun, outcomes, what, exchanges } = summary;
  const helper = reportHelpers(exchanges);
  const kept = outcomes.filter(({ fate }) => fate.kind === 'kept');
  const failed = outcomes.filter(({ fate }) => fate.kind === 'failed');
  const gone = outcomes.filter(({ fate }) => fate.kind === 'gone');
  const verb = isDryRun ? 'Would remove' : 'Removed';
  const text = [
    `${verb} ${what}`,
    ...(gone.length === 0 ? [] : [`${gone.length} had gone already.`]),
    ...(kept.length === 0 ? [] : [`${kept.length} had to stay.`]),
  ].join(' ');
  const base = {
    removal: reportRemoval(summary),
    ...(helper !== undefined && { helper }),
    ...(kept.length > 0 && { warnings: [warnOf(kept)] }),
  };
  const late = exchanges.find(({ timedOutAfterMs }) => timedOutAfterMs !== undefined);
  if (late !== undefined) {
    const message = `${text} The Engine took longer than the time-out of ${late.timedOutAfterMs} ms.`;
    return { ...base, status: 'timed_out', message, error: { code: 'timed_out', message } };
  }
  const [first] = failed;
  if (first === undefined) {
    return { ...base, status: 'succeeded', message: text };
  }
  const message = `${text} ${failed.length} could not be removed: ${describe(first)}`;
  return { ...base, status: 'failed', message, error: { code: 'not_removed', message } };
}

function warnOf(kept: readonly Outcome[]): Warning {
  const named = kept.slice(0, MAX_WARNED).map(describe).join('; ');
  const more = kept.length > MAX_WARNED ? `; and ${kept.length - MAX_WARNED} more` : '';
  return { code: 'not_removed', message: `Chosen to be removed, and still there: ${named}${more}` };
}

function describe({ item, fate }: Outcome): string {
  return `${item.names[0] ?? item.id} (${'reason' in fate ? fate.reason : fate.kind})`;
}

/** The report of a step, its lists cut to a reasonable length. */
function reportRemoval(summary: RemovalSummary): RemovalReport {
  const { kind, isDryRun, outcomes, keptCount, reclaimedBytes } = summary;
  const removed = removedOf(outcomes);
  return {
    kind,
    isDryRun,
    removed: cut(removed),
    removedCount: removed.length,
    refused: cut(
      outcomes.flatMap(({ item, fate }) => ('reason' in fate ? [{ ...item, reason: fate.reason }] : [])),
    ),
    ...(keptCount !== undefined && { keptCount }),
    ...(reclaimedBytes !== undefined && { reclaimedBytes }),
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
  unreadable: 'with a name that cannot be read',
  not_started: 'never started',
  parent: 'that others were built on',
};

/** What was kept and why: ` Kept 3: 2 used by containers, 1 too young.` */
export function describeKept({ kept }: Selection<unknown>): string {
  const parts = [...kept].map(([reason, count]) => `${count} ${words[reason]}`);
  return parts.length === 0 ? '' : ` Kept ${countKept({ kept })}: ${parts.join(', ')}.`;
}

export function countKept({ kept }: Pick<Selection<unknown>, 'kept'>): number {
  return [...kept.values()].reduce((sum, count) => sum + count, 0);
}
