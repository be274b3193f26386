import { internalMessage } from '../core/errors.ts';
import type { OperationEnd } from './run-operation.ts';

/* Ends of operations that something else than their steps decides. */

export const internalFailure: OperationEnd = {
  status: 'failed',
  error: { code: 'internal', message: internalMessage },
};

export const notBegun: OperationEnd = {
  status: 'interrupted',
  error: { code: 'interrupted', message: 'swarm-utils was stopped before its turn came: nothing was done.' },
};

/** @param lockMs how long it waited for its target, milliseconds */
export function busy(lockMs: number): OperationEnd {
  const message = `Another operation is at work on this target and did not end within ${lockMs} ms. Try again later.`;
  return { status: 'failed', error: { code: 'busy', message } };
}
