import { unavailable } from '../engine-error.ts';
import { SwarmError } from '../swarm.ts';
import { CallFault } from './call-fault.ts';

/** Of what was asked for nothing was sent. */
export function unversioned(error: unknown, call: string): unknown {
  const fault = faultOf(error);
  return fault === undefined
    ? error
    : unavailable(new CallFault('unversioned', `${call}: ${fault.message}`, { cause: fault }));
}

/** What came of a call, where it came to nothing. */
export function faultOf(error: unknown): CallFault | undefined {
  const cause = error instanceof SwarmError ? error.cause : error;
  return cause instanceof CallFault ? cause : undefined;
}

/** Whether there was no whole answer, or one that can't be the Engine's. */
export function isCutOff(error: unknown): boolean {
  const kind = faultOf(error)?.kind;
  return kind === 'broken' || kind === 'malformed' || kind === 'unversioned';
}

/** Whether somebody on the way, or the Engine itself, is in trouble. */
export function isTrouble(error: unknown): error is SwarmError {
  if (!(error instanceof SwarmError && faultOf(error)?.kind === 'status')) {
    return false;
  }
  const { code, reason } = error;
  return code === 'unavailable'
    ? reason === undefined
    : code === 'rejected' && faultOf(error)?.status === 500;
}

/** Whether what was asked for may have been done all the same. */
export function isUncertain(error: unknown): error is SwarmError {
  const kind = faultOf(error)?.kind;
  return isTrouble(error) || kind === 'broken' || kind === 'timed_out' || kind === 'too_large';
}

/** The same, for what only a look will tell. */
export function lost({ code, message, cause }: SwarmError): SwarmError {
  return new SwarmError(code, message, { cause, mayBeDone: true });
}

/** An Engine that can't even answer is as good as none. */
export function away({ message, cause }: SwarmError): SwarmError {
  return new SwarmError('unavailable', message, { cause });
}
