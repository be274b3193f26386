import { internalMessage, OperationError, type OperationErrorCode } from '../core/errors.ts';
import { SwarmError, type SwarmErrorCode, type SwarmErrorReason } from './swarm.ts';

/** A thrown error as a caller may see it. */
export interface ErrorDescription {
  readonly code: OperationErrorCode;
  readonly message: string;
  /** The error says more than that, for the log only. */
  readonly isForLog: boolean;
}

const codeBySwarmError: Readonly<Record<SwarmErrorCode, OperationErrorCode>> = {
  unavailable: 'swarm_unavailable',
  engine_too_old: 'engine_too_old',
  engine_too_new: 'engine_too_new',
  spec_too_large: 'spec_too_large',
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
  spec_too_large:
    'The swarm can not store this change, so nothing was changed. It writes the spec of a service together with the one ' +
    'before, both with all labels, and has room for 1.5 MiB. Make the labels of the service smaller',
  rejected: 'The Engine refused',
};

/** What went wrong, in words for callers. What nobody expected is said to be a fault of swarm-utils, and no more. */
export function describeError(error: unknown): ErrorDescription {
  if (error instanceof OperationError) {
    return { code: error.code, message: error.message, isForLog: false };
  }
  if (error instanceof SwarmError) {
    const code = codeBySwarmError[error.code];
    switch (code) {
      case 'swarm_unavailable':
        // An Engine that can't be reached is named by its socket or address.
        return { code, message: describeAway(error), isForLog: true };
      case 'engine_too_old':
      case 'engine_too_new':
        return { code, message: error.message, isForLog: false };
      default:
        return {
          code,
          message: `${adviceByCode[code] ?? 'The Engine refused'}: ${error.message}`,
          isForLog: false,
        };
    }
  }
  return { code: 'internal', message: internalMessage, isForLog: true };
}

const messageByReason: Readonly<Record<SwarmErrorReason, string>> = {
  not_a_manager:
    'This Docker Engine is not a swarm manager. Run swarm-utils on a manager, or promote this node on one: ' +
    '`docker node promote NODE`.',
  no_leader:
    'The swarm has no leader, because too few of its managers can be reached. Bring managers back until more than half of ' +
    'them are there.',
};

/** Why the swarm is `unavailable`, without the address of its Engine. */
export function describeAway({ reason, mayBeDone }: SwarmError): string {
  if (reason !== undefined) {
    return messageByReason[reason];
  }
  return mayBeDone
    ? 'The swarm manager could not be reached, so it is not known whether the change was made: see what is there before ' +
        'you try again.'
    : 'The swarm manager could not be reached.';
}
