import type { Step } from './step.ts';

/** Time-outs of the environment, milliseconds. */
export interface TimeoutSettings {
  /** From the creation of a task until it runs. */
  readonly pendingMs: number;
  /** Waiting for a target's lock. */
  readonly lockMs: number;
  /** Added once to the time of an operation, for delays of the network and the like. */
  readonly extraMs: number;
}

/**
 * The longest that an operation can take once it has its lock: the sum over its steps of (time-out + pending time-out)
 * times the number of tasks that the step is done for, plus the extra time.
 * @param taskCount running tasks of the target
 */
export function operationTimeoutMs(
  steps: readonly Step[],
  taskCount: number,
  settings: TimeoutSettings,
): number {
  return steps.reduce(
    (sum, step) => sum + (step.timeoutMs + settings.pendingMs) * (step.work.kind === 'exec' ? taskCount : 1),
    settings.extraMs,
  );
}
