import { type LabelTokenContent, redeemLabelToken } from '../core/authorize.ts';
import type { ImageReference } from '../core/image-reference.ts';
import type { Operation, Verdict } from '../core/operation.ts';
import { showable } from '../core/outside-text.ts';
import { planOperation } from '../core/plan/index.ts';
import type { RemovalReport, RemovedItem, Step, StepReport } from '../core/step.ts';
import { needsCounts, timeBudgetMs } from '../core/time-budget.ts';
import type { Warning } from '../core/warning.ts';
import { after } from './clock.ts';
import { decideAgain, decideOnImageAgain } from './decide-again.ts';
import { describeError } from './describe-error.ts';
import { withSecretsOf } from './label-secrets.ts';
import { undoBefore } from './mend.ts';
import { executeStep } from './steps/index.ts';
import type { EngineWorld, StepContext, StepOutcome } from './steps/step-executor.ts';
import { stopTimeoutMs } from './stop-timeout.ts';
import type { Service } from './swarm.ts';
import { isRunning } from './task-report.ts';

/** What of an operation is known once it has run. */
export type OperationEnd = { readonly status: Verdict } & Pick<Operation, 'image' | 'error'>;

export interface OperationListener {
  /** A step begins (`running`) or has ended. */
  step(report: StepReport): void;
  /** The image is known. */
  image(image: Operation['image']): void;
  /** How long it may take from now on is known, milliseconds. */
  timeBudget(timeoutMs: number): void;
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
    const deadNodeIds = await findDeadNodes(world, content);
    await undoEarlier(world, content, deadNodeIds, listener);
    const { context, steps } = await prepare(world, content, deadNodeIds);
    const timeoutMs = await readTimeBudget(context, steps);
    listener.timeBudget(timeoutMs);
    return await runSteps(context, steps, listener, timeoutMs);
  } catch (error) {
    return endOf(world, failed(error, listener));
  }
}

/** Nodes that are down. An admin who forces an operation says of them that nothing of the service runs there any more. */
async function findDeadNodes(
  { swarm }: EngineWorld,
  { request }: LabelTokenContent,
): Promise<readonly string[]> {
  const isForce = (request.action === 'backup' || request.action === 'restore') && request.isForce;
  if (!isForce) {
    return [];
  }
  return (await swarm.listNodes()).filter(({ state }) => state === 'down').map(({ id }) => id);
}

/** A service that an earlier operation has left stopped is started before anything is decided on it. */
async function undoEarlier(
  world: EngineWorld,
  { target: { kind, id } }: LabelTokenContent,
  deadNodeIds: readonly string[],
  listener: OperationListener,
): Promise<void> {
  const startedAt = world.clock.now();
  const nobody = {
    mended: () => undefined,
    failed: (_: unknown, error: unknown) => listener.internalError(error),
  };
  const message = kind === 'service' ? await undoBefore(world, id, deadNodeIds, nobody) : undefined;
  if (message !== undefined) {
    const durationMs = world.clock.now().getTime() - startedAt.getTime();
    listener.step({
      name: 'mend',
      status: 'succeeded',
      startedAt: startedAt.toISOString(),
      durationMs,
      message,
    });
  }
}

async function prepare(world: EngineWorld, content: LabelTokenContent, deadNodeIds: readonly string[]) {
  const decided = await decideAgain(world, content);
  // What is allowed now is planned, which may be less than what was allowed then.
  const { timeouts, cleanService, cleanNode, backup } = world.settings;
  const defaults = { updateTimeoutMs: timeouts.updateMs, cleanService, cleanNode, backup };
  const planned = planOperation(redeemLabelToken(decided.labelToken), defaults);
  if (decided.targetKind === 'node') {
    const { target, node } = decided;
    return { context: { world, target, node, steps: planned }, steps: planned };
  }
  const { target, service } = decided;
  const steps = planned.map(step => withGrace(step, service));
  const checkStillAllowed = (image: ImageReference) => decideOnImageAgain(world, content, image);
  const context = {
    world: withSecretsOf(target, world),
    target,
    service,
    deadNodeIds,
    checkStillAllowed,
  };
  return { context, steps };
}

/** No stop gives up before the tasks are killed at the end of their grace period. */
function withGrace(step: Step, service: Service): Step {
  return step.work.kind === 'stop' ? { ...step, timeoutMs: stopTimeoutMs(step.timeoutMs, [service]) } : step;
}

async function readTimeBudget(shared: WithoutProgress<StepContext>, steps: readonly Step[]): Promise<number> {
  const { swarm, settings } = shared.world;
  const tasks = 'service' in shared && needsCounts(steps) ? await swarm.listTasks(shared.service.id) : [];
  const running = tasks.filter(isRunning);
  const nodes = new Set((running.length > 0 ? running : tasks).map(({ nodeId }) => nodeId));
  return timeBudgetMs(steps, { tasks: running.length, nodes: nodes.size }, settings.timeouts);
}

type WithoutProgress<C> = C extends unknown ? Omit<C, 'onProgress'> : never;

/**
 * Does the steps in their order. After a failure, when nothing is to do, and when the time is up, only those that are
 * `always` done. What has begun has a time-out of its own.
 * @param timeoutMs of them all, milliseconds
 */
export async function runSteps(
  shared: WithoutProgress<StepContext>,
  steps: readonly Step[],
  listener: OperationListener,
  timeoutMs: number,
): Promise<OperationEnd> {
  let end: OperationEnd = { status: 'succeeded' };
  const { clock } = shared.world;
  const deadline = after(clock, timeoutMs);
  const context: StepContext = { ...shared, onProgress: message => listener.progress(current, message) };
  let current = '';
  for (const step of steps) {
    if (end.status === 'succeeded' && step.when === 'on-success' && clock.now() > deadline) {
      end = { ...end, ...tooLate(step, timeoutMs) };
    }
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

function tooLate({ name }: Step, timeoutMs: number): OperationEnd {
  const message = `The time-out of the whole operation, ${timeoutMs} ms, passed before the step ${name} could begin.`;
  return { status: 'timed_out', error: { code: 'timed_out', message } };
}

async function runStep(context: StepContext, step: Step, listener: OperationListener): Promise<StepOutcome> {
  const startedAt = context.world.clock.now();
  const begun = { name: step.name, startedAt: startedAt.toISOString() };
  listener.step({ ...begun, status: 'running' });
  const outcome = await executeStep(context, step).catch(error => failed(error, listener));
  const { status, message, warnings = [], helper, tasks, removal, volumes } = outcome;
  listener.step({
    ...begun,
    status,
    durationMs: context.world.clock.now().getTime() - startedAt.getTime(),
    ...(message !== undefined && { message: showable(message, context.world.redact) }),
    ...(warnings.length > 0 && { warnings: showableWarnings(warnings, context.world.redact) }),
    ...(helper !== undefined && { helper }),
    ...(removal !== undefined && { removal: showableRemoval(removal, context.world.redact) }),
    ...(volumes !== undefined && { volumes }),
    ...(tasks !== undefined && tasks.length > 0 && { tasks }),
  });
  return outcome;
}

/** A step that warns of each of very many things is cut short. */
const MAX_WARNINGS = 20;

function showableWarnings(
  warnings: readonly Warning[],
  redact: (text: string) => string,
): readonly Warning[] {
  return warnings
    .slice(0, MAX_WARNINGS)
    .map(({ code, message }) => ({ code, message: showable(message, redact) }));
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

function failed(error: unknown, listener: OperationListener): StepOutcome & { readonly message: string } {
  const { code, message, isForLog } = describeError(error);
  if (isForLog) {
    listener.internalError(error);
  }
  return { status: 'failed', message, error: { code, message } };
}
