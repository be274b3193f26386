import { internalMessage, OperationError, type OperationErrorCode } from '../core/errors.ts';
import { SwarmError, type SwarmErrorCode } from './swarm.ts';

/** A thrown error as a caller may see it. */
export interface ErrorDescription {
  readonly code: OperationErrorCode;
  readonly message: string;
  /** The error says more than that, for the log only. */
  readonly isForLog: boolean;
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

/** What went wrong, in words for callers. What nobody expected is said to be a fault of swarm-utils, and no more. */
export function describeError(error: unknown): ErrorDescription {
  if (error instanceof OperationError) {
    return { code: error.code, message: error.message, isForLog: false };
  }
  if (error instanceof SwarmError) {
    const code = codeBySwarmError[error.code];
    const advice = adviceByCode[code] ?? 'The Engine refused';
    // An Engine that can't be reached is named by its socket or address.
    return code === 'swarm_unavailable'
      ? { code, message: `${advice}.`, isForLog: true }
      : { code, message: `${advice}: ${error.message}`, isForLog: false };
  }
  return { code: 'internal', message: internalMessage, isForLog: true };
}
