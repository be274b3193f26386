import { type LabelTokenContent, redeemLabelToken } from '../core/authorize.ts';
import { OperationError, type OperationErrorCode } from '../core/errors.ts';
import type { ImageReference } from '../core/image-reference.ts';
import type { Operation, Verdict } from '../core/operation.ts';
import { showable } from '../core/outside-text.ts';
import { planOperation } from '../core/plan/index.ts';
import { createRedactor } from '../core/redactor.ts';
import type { RemovalReport, RemovedItem, Step, StepReport } from '../core/step.ts';
import type { ServiceTarget } from '../core/target.ts';
import { decideAgain, decideOnImageAgain } from './decide-again.ts';
import { executeStep } from './steps/index.ts';
import type { EngineWorld, StepContext, StepOutcome } from './steps/step-executor.ts';
import { SwarmError, type SwarmErrorCode } from './swarm.ts';

/** What of an operation is known once it has run. */
export type OperationEnd = { readonly status: Verdict } & Pick<Operation, 'image' | 'error'>;

export interface OperationListener {
  /** A step begins (`running`) or has ended. */
  step(report: StepReport): void;
  /** The image is known. */
  image(image: Operation['image']): void;
  progress(step: string, message: string): void;
  /** What is for the log only; the caller is told no more than that there was a fault. */
  internalError(error: unknown): void;
}

/**
 * Plans and does the steps of one operation whose target's lock is held. What was allowed when the operation was
 * accepted is decided again on the labels as they are now.
 * Never rejects: whatever goes wrong is the verdict.
 */
export async function runOperation(
  world: EngineWorld,
  content: LabelTokenContent,
  listener: OperationListener,
): Promise<OperationEnd> {
  try {
    const { context, steps } = await prepare(world, content);
    return await runSteps(context, steps, listener);
  } catch (error) {
    return endOf(world, describeError(error, listener));
  }
}

async function prepare(world: EngineWorld, content: LabelTokenContent) {
  const decided = await decideAgain(world, content);
  // What is allowed now is planned, which may be less than what was allowed then.
  const { timeouts, cleanService, cleanNode, backup } = world.settings;
  const defaults = { updateTimeoutMs: timeouts.updateMs, cleanService, cleanNode, backup };
  const steps = planOperation(redeemLabelToken(decided.labelToken), defaults);
  if (decided.targetKind === 'node') {
    const { target, node } = decided;
    return { context: { world, target, node }, steps };
  }
  const { target, service } = decided;
  const checkStillAllowed = (image: ImageReference) => decideOnImageAgain(world, content, image);
  return { context: { world: withSecretsOf(target, world), target, service, checkStillAllowed }, steps };
}

/** What the tasks print may hold the secrets that the service's own labels hold. */
function withSecretsOf({ labels }: ServiceTarget, world: EngineWorld): EngineWorld {
  const { accessKey, secretKey } = labels.backup.s3;
  const secrets = [labels.update.registry.password, accessKey, secretKey];
  const redact = createRedactor(secrets.filter(secret => secret !== undefined));
  return { ...world, redact: text => redact(world.redact(text)) };
}

type WithoutProgress<C> = C extends unknown ? Omit<C, 'onProgress'> : never;

/** Does the steps in their order. After a failure, and when nothing is to do, only those that are `always` done. */
export async function runSteps(
  shared: WithoutProgress<StepContext>,
  steps: readonly Step[],
  listener: OperationListener,
): Promise<OperationEnd> {
  let end: OperationEnd = { status: 'succeeded' };
  const context: StepContext = { ...shared, onProgress: message => listener.progress(current, message) };
  let current = '';
  for (const step of steps) {
    if (end.status !== 'succeeded' && step.when === 'on-success') {
      listener.step({ name: step.name, status: 'skipped' });
      continue;
    }
    current = step.name;
    const outcome = await runStep(context, step, listener);
    if (outcome.image !== undefined) {
      end = { ...end, image: outcome.image };
      listener.image(outcome.image);
    }
    if (outcome.status === 'skipped') {
      continue;
    }
    if (end.status === 'succeeded' || (end.status === 'unchanged' && outcome.status !== 'succeeded')) {
      end = { ...end, ...endOf(context.world, outcome) };
    }
  }
  return end;
}

async function runStep(context: StepContext, step: Step, listener: OperationListener): Promise<StepOutcome> {
  const startedAt = context.world.clock.now();
  const begun = { name: step.name, startedAt: startedAt.toISOString() };
  listener.step({ ...begun, status: 'running' });
  const outcome = await executeStep(context, step).catch(error => describeError(error, listener));
  const { status, message, helper, tasks, removal, volumes } = outcome;
  listener.step({
    ...begun,
    status,
    durationMs: context.world.clock.now().getTime() - startedAt.getTime(),
    ...(message !== undefined && { message: showable(message, context.world.redact) }),
    ...(helper !== undefined && { helper }),
    ...(removal !== undefined && { removal: showableRemoval(removal, context.world.redact) }),
    ...(volumes !== undefined && { volumes }),
    ...(tasks !== undefined && tasks.length > 0 && { tasks }),
  });
  return outcome;
}

/** The names of images and the words of an Engine are others'. */
function showableRemoval(removal: RemovalReport, redact: (text: string) => string): RemovalReport {
  const show = (text: string) => showable(text, redact);
  const showItem = <T extends RemovedItem>(item: T) => ({ ...item, names: item.names.map(show) });
  return {
    ...removal,
    removed: removal.removed.map(showItem),
    refused: removal.refused.map(item => ({ ...showItem(item), reason: show(item.reason) })),
  };
}

function endOf(world: EngineWorld, outcome: StepOutcome): OperationEnd {
  const { status, verdict, error } = outcome;
  return {
    // What had nothing to do ends nothing.
    status: verdict ?? (status === 'skipped' ? 'succeeded' : status),
    ...(error !== undefined && { error: { ...error, message: showable(error.message, world.redact) } }),
  };
}

const codeBySwarmError: Readonly<Record<SwarmErrorCode, OperationErrorCode>> = {
  unavailable: 'swarm_unavailable',
  not_found: 'target_gone',
  out_of_sequence: 'update_conflict',
  name_conflict: 'helper_busy',
  logs_unavailable: 'internal',
  image_not_found: 'image_not_found',
  registry_unauthorized: 'registry_unauthorized',
  registry_unreachable: 'registry_unreachable',
  rejected: 'rejected',
};

const adviceByCode: Partial<Record<OperationErrorCode, string>> = {
  image_not_found: 'The registry does not have this image',
  registry_unauthorized:
    'The registry refused the login, or lacks the image for it. Check swarm-utils.update.registry.* on the service ' +
    'and SWARM_UTILS_REGISTRY_* on swarm-utils',
  registry_unreachable: 'The registry could not be asked for the digest, so nothing was deployed',
  swarm_unavailable: 'The swarm manager could not be reached',
  rejected: 'The Engine refused',
};

type Failure = StepOutcome & { readonly error: NonNullable<StepOutcome['error']> };

function describeError(error: unknown, listener: OperationListener): Failure {
  if (error instanceof OperationError) {
    return failure(error.code, error.message);
  }
  if (error instanceof SwarmError) {
    const code = codeBySwarmError[error.code];
    const advice = adviceByCode[code] ?? 'The Engine refused';
    if (code === 'swarm_unavailable') {
      // Names the socket or address of the Engine, which is for the log only.
      listener.internalError(error);
      return failure(code, `${advice}.`);
    }
    return failure(code, `${advice}: ${error.message}`);
  }
  listener.internalError(error);
  return failure('internal', 'swarm-utils itself failed; its log says how.');
}

function failure(code: OperationErrorCode, message: string): Failure {
  return { status: 'failed', message, error: { code, message } };
}
