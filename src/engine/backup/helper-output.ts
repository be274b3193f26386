import { OperationError } from '../../core/errors.ts';
import type { HelperOutcome } from '../run-helper.ts';

/**
 * The lines of a helper that ran for what it prints.
 * @param what begins the message when it failed: "The volumes of worker-1 can't be listed"
 * @throws OperationError `helper_failed`, `timed_out`
 */
export function linesOf(outcome: HelperOutcome, what: string): readonly string[] {
  if (outcome.status === 'succeeded' && outcome.output !== undefined) {
    return outcome.output.stdout;
  }
  const code = outcome.status === 'timed_out' ? 'timed_out' : 'helper_failed';
  throw new OperationError(code, `${what}: ${describeEnd(outcome)}`);
}

/** Why a helper did not succeed, with the last line that it printed. */
export function describeEnd({ message, report }: HelperOutcome): string {
  const printed = report.tasks.flatMap(({ logs }) => logs).findLast(line => line.trim() !== '');
  const end = message ?? 'The helper failed.';
  return printed === undefined ? end : `${end} It printed: ${printed}`;
}
