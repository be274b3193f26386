/** Why a request gets no operation. The HTTP layer maps each to one status. */
export type RequestErrorCode =
  | 'malformed'
  | 'unauthorized'
  | 'not_found'
  | 'ambiguous_name'
  | 'token_reused'
  | 'too_large'
  | 'too_many_failures'
  | 'action_not_enabled'
  | 'image_not_allowed'
  | 'volume_not_allowed'
  | 'node_not_allowed'
  | 'force_not_allowed'
  | 'label_fault'
  | 'issuer_unavailable'
  | 'swarm_unavailable'
  | 'not_a_manager'
  | 'no_leader'
  | 'engine_too_old'
  | 'engine_too_new'
  | 'stopping'
  | 'overloaded'
  | 'internal';

/** Why an operation did not succeed. */
export type OperationErrorCode =
  | 'busy'
  | 'not_authorized_any_more'
  | 'target_gone'
  | 'own_service'
  | 'unsupported_mode'
  | 'unsupported_volume'
  | 'registry_credentials_missing'
  | 'registry_unauthorized'
  | 'registry_unreachable'
  | 'image_not_found'
  | 'digest_mismatch'
  | 'no_matching_platform'
  | 'update_conflict'
  | 'update_paused'
  | 'rolled_back'
  | 'rollback_paused'
  | 'tasks_failed'
  | 'replaced'
  | 'not_scheduled'
  | 'exec_failed'
  | 'still_running'
  | 'helper_busy'
  | 'helper_failed'
  | 'ambiguous_name'
  | 'node_unavailable'
  | 'not_removed'
  | 'backup_target_incomplete'
  | 'store_unavailable'
  | 'store_busy'
  | 'no_space'
  | 'volume_not_found'
  | 'not_stopped'
  | 'not_started'
  | 'written_meanwhile'
  | 'upload_failed'
  | 'backup_not_whole'
  | 'backup_not_found'
  | 'backups_not_removed'
  | 'restore_failed'
  | 'spec_too_large'
  | 'engine_too_old'
  | 'engine_too_new'
  | 'rejected'
  | 'timed_out'
  | 'swarm_unavailable'
  | 'interrupted'
  | 'internal';

/** What a caller is told of a fault that nobody expected. */
export const internalMessage = 'swarm-utils itself failed; its log says how.';

/** A request that can't become an operation. Its message is fit for the caller; what only the log may know is the cause. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: RequestErrorCode;
  /** Per wrong field what is wrong with it, or label faults. */
  readonly details: readonly string[];

  constructor(
    code: RequestErrorCode,
    message: string,
    options: ErrorOptions & { details?: readonly string[] } = {},
  ) {
    super(message, options);
    this.code = code;
    this.details = options.details ?? [];
  }
}

/** An operation that did not do what it was asked for. Its message is fit for the caller and says what to do. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  readonly code: OperationErrorCode;

  constructor(code: OperationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
