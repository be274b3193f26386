import { ProviderError } from '../../providers/provider.ts';
import {
  OperationError,
  type OperationErrorCode,
  RequestError,
  type RequestErrorCode,
} from '../core/errors.ts';
import { describeAway } from '../engine/describe-error.ts';
import { SwarmError } from '../engine/swarm.ts';
import { statusByErrorCode } from './operation-answer.ts';

/** Codes that only HTTP knows. */
type TransportErrorCode =
  | 'method_not_allowed'
  | 'unsupported_media_type'
  | 'request_timeout'
  | 'header_too_large';
export type AnswerCode = RequestErrorCode | TransportErrorCode;

/** The one table from codes to HTTP. */
export const statusByCode: Readonly<Record<AnswerCode, number>> = {
  malformed: 400,
  unauthorized: 401,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  token_reused: 409,
  too_large: 413,
  unsupported_media_type: 415,
  action_not_enabled: 422,
  ambiguous_name: 422,
  image_not_allowed: 422,
  volume_not_allowed: 422,
  node_not_allowed: 422,
  force_not_allowed: 422,
  label_fault: 422,
  too_many_failures: 429,
  header_too_large: 431,
  internal: 500,
  issuer_unavailable: 503,
  swarm_unavailable: 503,
  not_a_manager: 503,
  no_leader: 503,
  engine_too_old: 503,
  engine_too_new: 503,
  stopping: 503,
  overloaded: 503,
};

/** Said word for word whatever the cause, so that the cause can't be told from the answer. */
const uniformMessages: Partial<Readonly<Record<AnswerCode, string>>> = {
  unauthorized: 'The credential is missing or not valid.',
  not_found: 'There is nothing of this name, or it is not yours.',
  too_large: 'The body is too large.',
  unsupported_media_type: 'Only an uncompressed body of type application/json in UTF-8 is accepted.',
  request_timeout: 'The request took too long to arrive.',
  header_too_large: 'The header is too large.',
  too_many_failures: 'Too many refused credentials from this address.',
  issuer_unavailable: 'The issuer of this token can not be reached now. Try again.',
  swarm_unavailable: 'The swarm can not be reached now. Try again.',
  stopping: 'This server is stopping. Try again.',
};

/** A refusal that no other layer has a word for. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: AnswerCode;

  constructor(code: TransportErrorCode, message = uniformMessages[code] ?? '') {
    super(message);
    this.code = code;
  }
}

/** An error as the caller sees it. */
export interface ErrorAnswer {
  readonly status: number;
  readonly code: AnswerCode | OperationErrorCode;
  readonly body: {
    readonly error: {
      readonly code: AnswerCode | OperationErrorCode;
      readonly message: string;
      readonly details?: readonly string[];
    };
  };
}

/** Builds the answer for a code; where the table has a uniform message, that is what is said. */
export function errorAnswer(code: AnswerCode, message = '', details: readonly string[] = []): ErrorAnswer {
  const uniform = uniformMessages[code];
  return {
    status: statusByCode[code],
    code,
    body: {
      error: {
        code,
        message: uniform ?? message,
        ...(uniform === undefined && details.length > 0 && { details }),
      },
    },
  };
}

/**
 * What a thrown error means to the caller.
 * @returns undefined for the unexpected: a bug, to be answered as `internal`
 */
export function answerForError(error: unknown): ErrorAnswer | undefined {
  if (error instanceof RequestError) {
    return error.code === 'internal' ? undefined : errorAnswer(error.code, error.message, error.details);
  }
  if (error instanceof OperationError) {
    return answerForOperation(error);
  }
  if (error instanceof TransportError) {
    return errorAnswer(error.code, error.message);
  }
  if (error instanceof ProviderError) {
    return answerForProvider(error);
  }
  if (error instanceof SwarmError) {
    return answerForSwarm(error);
  }
  return answerForExpress(error);
}

/** An Engine that can't be worked with says what to do about it. */
function answerForSwarm(error: SwarmError): ErrorAnswer | undefined {
  const { code, reason, message } = error;
  switch (code) {
    case 'unavailable':
      return reason === undefined
        ? errorAnswer('swarm_unavailable')
        : errorAnswer(reason, describeAway(error));
    case 'engine_too_old':
    case 'engine_too_new':
      return errorAnswer(code, message);
    default:
      return undefined;
  }
}

/** Work that is no operation of its own, such as a list of backups, fails for the same reasons. */
function answerForOperation({ code, message }: OperationError): ErrorAnswer | undefined {
  const status = statusByErrorCode[code];
  return code === 'internal' ? undefined : { status, code, body: { error: { code, message } } };
}

function answerForProvider(error: ProviderError): ErrorAnswer {
  const malformed = 'The body is not what this platform sends.';
  return error.code === 'invalid_credential'
    ? errorAnswer('unauthorized')
    : errorAnswer(error.code, malformed);
}

/** The router marks what is the client's fault, such as bad percent-encoding, with a `status`. */
function answerForExpress(error: unknown): ErrorAnswer | undefined {
  const isClientFault = error instanceof Error && 'status' in error && error.status === 400;
  return isClientFault ? errorAnswer('malformed', 'The request can not be read.') : undefined;
}
