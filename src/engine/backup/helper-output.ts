import { OperationError, type OperationErrorCode } from '../../core/errors.ts';
import { failureWords } from '../../core/text/failure-words.ts';
import type { HelperOutcome } from '../run-helper.ts';

/**
 * The lines of a helper that ran for what it prints.
 * @param what begins the message when it failed: "The volumes of worker-1 can't be listed"
 * @param code where it is the command itself that failed
 * @throws OperationError with this code, `timed_out` or `node_unavailable`
 */
export function linesOf(
  outcome: HelperOutcome,
  what: string,
  code: OperationErrorCode = 'helper_failed',
): readonly string[] {
  if (outcome.status === 'succeeded' && outcome.output !== undefined) {
    return outcome.output.stdout;
  }
  throw new OperationError(codeOf(outcome, code), `${what}: ${describeEnd(outcome)}`);
}

/** @param code where it is the command itself that failed */
export function codeOf({ status, code: own }: HelperOutcome, code: OperationErrorCode): OperationErrorCode {
  return own ?? (status === 'timed_out' ? 'timed_out' : code);
}

/** Why a helper did not succeed, with the lines that say so of those that it printed. */
export function describeEnd({ message, report }: HelperOutcome): string {
  const words = failureWords(report.tasks.flatMap(({ logs }) => logs));
  const end = message ?? 'The helper failed.';
  return words === '' ? end : `${end} It printed: ${words}`;
}
