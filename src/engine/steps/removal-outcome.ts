import type { RemovalReport } from '../../core/step.ts';
import { isHarmless } from './node-command.ts';
import type { StepOutcome } from './step-executor.ts';

/** Arguments of one command: far below what a system takes, and not so many that one command runs too long. */
const CHUNK_LENGTH = 50;

export function inChunks<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / CHUNK_LENGTH) }, (_, index) =>
    items.slice(index * CHUNK_LENGTH, (index + 1) * CHUNK_LENGTH),
  );
}

/**
 * The outcome of a step that removed something, or would. What the Engine refused because it is in use again, or gone
 * already, is told and no failure.
 * @param what it removed, in words
 */
export function concludeRemoval(removal: RemovalReport, what: string): StepOutcome {
  const failed = removal.refused.filter(({ reason }) => !isHarmless(reason));
  const verb = removal.isDryRun ? 'Would remove' : 'Removed';
  const refused = removal.refused.length === 0 ? '' : ` ${removal.refused.length} were in use again or gone.`;
  const [first] = failed;
  if (first === undefined) {
    return { status: 'succeeded', message: `${verb} ${what}${refused}`, removal };
  }
  const message = `${verb} ${what} ${failed.length} could not be removed: ${first.reason}`;
  return { status: 'failed', message, removal, error: { code: 'not_removed', message } };
}
