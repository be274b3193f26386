import type { BackupStore } from '../../core/backup.ts';
import type { OperationErrorCode } from '../../core/errors.ts';
import { type HelperMount, type HelperReport, mergeHelperReports } from '../../core/helper.ts';
import { helperName } from '../../core/helper-name.ts';
import { showable } from '../../core/outside-text.ts';
import type { Step } from '../../core/step.ts';
import { failureWords } from '../../core/text/failure-words.ts';
import type { HelperOutcome } from '../run-helper.ts';
import { runPlacedHelper } from '../run-placed-helper.ts';
import type { ServiceContext, StepOutcome } from '../steps/step-executor.ts';
import { exitCodeOf, type ResticCall, runRestic } from './programs/run-restic.ts';
import type { StoreAccess } from './store-access.ts';

interface CommandPlace {
  /** What it does, for people: `Volume data of worker-1 was not uploaded`. */
  readonly failure: string;
  /** Tells the commands of one step apart. */
  readonly place: string;
  readonly nodeId: string;
  /** More than those of the store. */
  readonly mounts?: readonly HelperMount[];
  readonly capabilities?: readonly string[];
}

/** A command that reads or writes a store, in a helper of its own. */
export interface StoreCommand extends CommandPlace {
  readonly image: string;
  readonly command: readonly string[];
  readonly access: StoreAccess;
}

/** A script of restic. */
export interface ResticCommand extends CommandPlace, Pick<ResticCall, 'script' | 'values' | 'lockMs'> {
  /** An exit code that is no failure either. */
  readonly alsoGood?: number;
}

/** Runs commands of one step. Every method throws StoreFailure unless the command succeeded. */
export interface StoreRunner {
  /** @returns what the command printed to its standard output */
  run(command: StoreCommand): Promise<readonly string[]>;
  runRestic(
    command: ResticCommand,
  ): Promise<{ readonly lines: readonly string[]; readonly exitCode: number | undefined }>;
}

/** A command on a store did not succeed. The message is fit for the caller once redacted. */
export class StoreFailure extends Error {
  override readonly name = 'StoreFailure';
  readonly hasTimedOut: boolean;
  /** Where it is known better than that the step failed. */
  readonly code: OperationErrorCode | undefined;

  constructor(
    message: string,
    { hasTimedOut = false, code }: { hasTimedOut?: boolean; code?: OperationErrorCode } = {},
  ) {
    super(message);
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
  store: BackupStore,
  code: OperationErrorCode,
  work: (runner: StoreRunner) => Promise<StepOutcome>,
): Promise<StepOutcome> {
  const reports: HelperReport[] = [];
  const linesOf = (failure: string, outcome: HelperOutcome, alsoGood?: number) => {
    reports.push(outcome.report);
    const isGood =
      outcome.status === 'succeeded' ||
      (outcome.status === 'failed' && alsoGood !== undefined && exitCodeOf(outcome) === alsoGood);
    if (!isGood || outcome.output === undefined) {
      throw failureOf(failure, outcome, world.redact);
    }
    return outcome.output.stdout;
  };
  const runner: StoreRunner = {
    async run({ failure, place, access, mounts = [], ...helper }) {
      const outcome = await runPlacedHelper(world, {
        ...helper,
        name: helperName(step.name, service, place),
        environment: access.environment,
        secrets: access.secrets,
        mounts: [...access.mounts, ...mounts],
        timeoutMs: step.timeoutMs,
        printsData: true,
      });
      return linesOf(failure, outcome);
    },
    async runRestic({ failure, place, alsoGood, ...call }) {
      const name = helperName(step.name, service, place);
      const outcome = await runRestic(world, store, {
        ...call,
        name,
        owner: service,
        timeoutMs: step.timeoutMs,
      });
      return { lines: linesOf(failure, outcome, alsoGood), exitCode: exitCodeOf(outcome) };
    },
  };
  const outcome = await work(runner).catch(error => describeFailure(error, code));
  return reports.length === 0 ? outcome : { ...outcome, helper: mergeHelperReports(reports) };
}

function failureOf(
  failure: string,
  { status, message, report, output, code }: HelperOutcome,
  redact: (text: string) => string,
): StoreFailure {
  // Of a secret that is cut, nothing would know the rest.
  const lines =
    output?.stderr.map(line => showable(line, redact)) ?? report.tasks.flatMap(({ logs }) => logs);
  const words = failureWords(lines);
  const printed = words === '' ? '' : ` It printed: ${words}`;
  return new StoreFailure(`${failure}. ${message ?? 'The helper failed.'}${printed}`, {
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
