import type { LabelToken } from '../core/authorize.ts';
import type { Operation } from '../core/operation.ts';
import type { StepReport } from '../core/step.ts';

/** Progress of an operation. The last one is always `finished`. */
export type OperationEvent =
  | { readonly type: 'status'; readonly operation: Operation }
  | { readonly type: 'step'; readonly step: StepReport }
  | { readonly type: 'progress'; readonly step: string; readonly message: string }
  | { readonly type: 'finished'; readonly operation: Operation };

/** The operations of this process and, from the history, of those before it. */
export interface Operations {
  /**
   * Accepts an operation and begins it at once. One for the same target that waits for its turn with the same
   * parameters is returned instead of a second one.
   * @param options.isPatient wait for the target's lock as long as the running operation can take, instead of the
   *   lock time-out: for callers that nobody repeats, such as webhooks
   * @throws RequestError `stopping`
   */
  start(labelToken: LabelToken, options?: { readonly isPatient?: boolean }): Operation;
  get(id: string): Operation | undefined;
  /** Newest first. */
  list(filter: { readonly limit: number; readonly targetId?: string }): readonly Operation[];
  /** Resolves with the finished operation; at once when it has finished already. Rejects for an unknown id. */
  finished(id: string): Promise<Operation>;
  /**
   * Calls the listener with the operation as it is (`status`), then with all that happens until `finished`.
   * @returns the end of the subscription, to be called by who leaves early; undefined for an unknown id
   */
  watch(id: string, listener: (event: OperationEvent) => void): (() => void) | undefined;
}
