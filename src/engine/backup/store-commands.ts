import type { OperationErrorCode } from '../../core/errors.ts';
import { type HelperMount, type HelperReport, mergeHelperReports } from '../../core/helper.ts';
import { helperName } from '../../core/helper-name.ts';
import { showable } from '../../core/outside-text.ts';
import type { Step } from '../../core/step.ts';
import { failureWords } from '../../core/text/failure-words.ts';
import type { HelperOutcome } from '../run-helper.ts';
import { runPlacedHelper } from '../run-placed-helper.ts';
import type { ServiceContext, StepOutcome } from '../steps/step-executor.ts';
import type { StoreAccess } from './store-access.ts';

/** A command that reads or writes a store, in a helper of its own. */
export interface StoreCommand {
  /** What it does, for people: `Volume data of worker-1 was not uploaded`. */
  readonly failure: string;
  /** Tells the commands of one step apart. */
  readonly place: string;
  readonly nodeId: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly access: StoreAccess;
  /** More than those of the access. */
  readonly mounts?: readonly HelperMount[];
  readonly capabilities?: readonly string[];
}

/** @returns what the command printed to its standard output @throws StoreFailure unless it succeeded */
export type RunStoreCommand = (command: StoreCommand) => Promise<readonly string[]>;

/** A command on a store did not succeed. The message is fit for the caller once redacted. */
export class StoreFailure extends Error {
  override readonly name = 'StoreFailure';
  /** Of the command; undefined where it did not come to its end. */
  readonly exitCode: number | undefined;
  readonly hasTimedOut: boolean;
  /** Where it is not the command that failed. */
  readonly code: HelperOutcome['code'];

  constructor(
    message: string,
    {
      exitCode,
      hasTimedOut = false,
      code,
    }: { exitCode?: number; hasTimedOut?: boolean; code?: HelperOutcome['code'] } = {},
  ) {
    super(message);
    this.exitCode = exitCode;
    this.hasTimedOut = hasTimedOut;
    this.code = code;
  }
}

/**
 * Does a step with commands on a store.
 * @param code of the failure, unless it is a time-out
 * @returns the outcome of the work, or the failure of a command; with what the helpers were
 */
export async function withStoreCommands(
  { world, service }: ServiceContext,
  step: Step,
  code: OperationErrorCode,
  work: (run: RunStoreCommand) => Promise<StepOutcome>,
): Promise<StepOutcome> {
  const reports: HelperReport[] = [];
  const run: RunStoreCommand = async ({ failure, place, access, mounts = [], ...helper }) => {
    const outcome = await runPlacedHelper(world, {
      ...helper,
      name: helperName(step.name, service, place),
      environment: access.environment,
      secrets: access.secrets,
      mounts: [...access.mounts, ...mounts],
      timeoutMs: step.timeoutMs,
      printsData: true,
    });
    reports.push(outcome.report);
    if (outcome.status !== 'succeeded' || outcome.output === undefined) {
      throw failureOf(failure, outcome, world.redact);
    }
    return outcome.output.stdout;
  };
  const outcome = await work(run).catch(error => describeFailure(error, code));
  return reports.length === 0 ? outcome : { ...outcome, helper: mergeHelperReports(reports) };
}

function failureOf(
  failure: string,
  { status, message, report, output, code }: HelperOutcome,
  redact: (text: string) => string,
): StoreFailure {
  const exitCode = report.tasks.at(-1)?.exitCode;
  // Of a secret that is cut, nothing would know the rest.
  const lines =
    output?.stderr.map(line => showable(line, redact)) ?? report.tasks.flatMap(({ logs }) => logs);
  const words = failureWords(lines);
  const printed = words === '' ? '' : ` It printed: ${words}`;
  return new StoreFailure(`${failure}. ${message ?? 'The helper failed.'}${printed}`, {
    ...(exitCode !== undefined && { exitCode }),
    ...(code !== undefined && { code }),
    hasTimedOut: status === 'timed_out',
  });
}

function describeFailure(error: unknown, code: OperationErrorCode): StepOutcome {
  if (!(error instanceof StoreFailure)) {
    throw error;
  }
  const { message, hasTimedOut } = error;
  return hasTimedOut
    ? { status: 'timed_out', message, error: { code: 'timed_out', message } }
    : { status: 'failed', message, error: { code: error.code ?? code, message } };
}
