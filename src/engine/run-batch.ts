import type { LabelToken } from '../core/authorize.ts';
import type { Operation } from '../core/operation.ts';
import { createGate } from './gate.ts';
import type { Operations } from './operations.ts';

export interface Batch {
  /** As they were accepted, in the order of their tokens. */
  readonly operations: readonly Operation[];
  /** Resolves with all of them, in the same order, once each has its verdict. Never rejects. */
  readonly finished: Promise<readonly Operation[]>;
}

/**
 * Accepts operations that were asked for together, all or none. Each is recorded at once; no more than `parallel` of them
 * run at the same time, the rest are `queued` and hold up nobody who comes for their target meanwhile.
 * @param options.parallel at least 1
 * @throws RequestError `stopping`, `overloaded`
 */
export function runBatch(
  operations: Pick<Operations, 'startAll' | 'finished'>,
  labelTokens: readonly LabelToken[],
  { parallel, isPatient = false }: { readonly parallel: number; readonly isPatient?: boolean },
): Batch {
  const accepted = operations.startAll(labelTokens, { isPatient, gate: createGate(parallel) });
  return {
    operations: accepted,
    finished: Promise.all(accepted.map(({ id }) => operations.finished(id))),
  };
}
