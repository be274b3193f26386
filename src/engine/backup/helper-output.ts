import { OperationError, type OperationErrorCode } from '../../core/errors.ts';
import type { HelperOutcome } from '../run-helper.ts';

/**
 * The lines of a helper that ran for what it prints.
 * @param what begins the message when it failed: "The volumes of worker-1 can't be listed"
 * @throws OperationError `helper_failed`, `timed_out`, `node_unavailable`
 */
export function linesOf(outcome: HelperOutcome, what: string): readonly string[] {
  if (outcome.status === 'succeeded' && outcome.output !== undefined) {
    return outcome.output.stdout;
  }
  throw new OperationError(codeOf(outcome, 'helper_failed'), `${what}: ${describeEnd(outcome)}`);
}

/** @param code where it is the command itself that failed */
export function codeOf({ status, code: own }: HelperOutcome, code: OperationErrorCode): OperationErrorCode {
  return own ?? (status === 'timed_out' ? 'timed_out' : code);
}

/** Of what a program printed: its last lines say why it ended. */
const LAST_LINES = 3;
const MAX_LAST_WORDS = 700;

/** Why a helper did not succeed, with the last lines that it printed. */
export function describeEnd({ message, report }: HelperOutcome): string {
  const lines = report.tasks.flatMap(({ logs }) => logs).filter(line => line.trim() !== '');
  const printed = lines.slice(-LAST_LINES).join(' | ').slice(-MAX_LAST_WORDS).toWellFormed();
  const end = message ?? 'The helper failed.';
  return printed === '' ? end : `${end} It printed: ${printed}`;
}
