import type { Request, Response } from 'express';
import type { OperationErrorCode } from '../core/errors.ts';
import type { TaskReport } from '../core/helper.ts';
import { isFinished, type Operation } from '../core/operation.ts';
import { sendJson } from './send-json.ts';

/** HTTP statuses of operations that did not succeed; whatever it is, the operation is the body. */
export const statusByErrorCode: Readonly<Record<OperationErrorCode, number>> = {
  busy: 409,
  helper_busy: 409,
  still_running: 409,
  store_busy: 409,
  backup_target_incomplete: 422,
  ambiguous_name: 422,
  not_authorized_any_more: 424,
  target_gone: 424,
  own_service: 424,
  unsupported_mode: 424,
  unsupported_volume: 424,
  registry_credentials_missing: 424,
  registry_unauthorized: 424,
  registry_unreachable: 424,
  image_not_found: 424,
  digest_mismatch: 424,
  no_matching_platform: 424,
  update_conflict: 424,
  update_paused: 424,
  rolled_back: 424,
  rollback_paused: 424,
  tasks_failed: 424,
  rejected: 424,
  spec_too_large: 424,
  replaced: 424,
  not_scheduled: 424,
  exec_failed: 424,
  helper_failed: 424,
  node_unavailable: 424,
  not_removed: 424,
  store_unavailable: 424,
  no_space: 424,
  volume_not_found: 424,
  not_stopped: 424,
  not_started: 424,
  written_meanwhile: 424,
  upload_failed: 424,
  backup_not_whole: 424,
  backup_not_found: 424,
  backups_not_removed: 424,
  restore_failed: 424,
  internal: 500,
  swarm_unavailable: 503,
  engine_too_old: 503,
  engine_too_new: 503,
  interrupted: 503,
  timed_out: 504,
};

/** The HTTP status of an operation: 202 until it has its verdict. */
function statusOfOperation(operation: Operation): number {
  switch (operation.status) {
    case 'queued':
    case 'running':
      return 202;
    case 'succeeded':
    case 'unchanged':
      return 200;
    case 'timed_out':
      return 504;
    case 'interrupted':
      return 503;
    case 'failed':
    case 'rolled_back':
      return operation.error === undefined ? 424 : statusByErrorCode[operation.error.code];
  }
}

/** Sends an operation with the status of its verdict, or 202 and where to look for it. */
export function sendOperation(response: Response, operation: Operation, retryAfterSeconds: number): void {
  const status = statusOfOperation(operation);
  if (!isFinished(operation)) {
    response.location(`/api/operations/${operation.id}`);
  }
  if (status === 409) {
    response.set('Retry-After', String(retryAfterSeconds));
  }
  sendJson(response, status, operation);
}

/** An operation as lists show it: what its tasks printed, and all that was removed, would make them large. */
export function withoutLogs(operation: Operation): object {
  const steps = operation.steps.map(({ helper, tasks, removal, ...step }) => ({
    ...step,
    ...(removal !== undefined && { removal: { ...removal, removed: [], refused: [] } }),
    ...(helper !== undefined && { helper: { ...helper, tasks: helper.tasks.map(withoutLines) } }),
    ...(tasks !== undefined && { tasks: tasks.map(withoutLines) }),
  }));
  return { ...operation, steps };
}

function withoutLines({ logs: _, ...task }: TaskReport): object {
  return task;
}

/** Whether the caller asked for events rather than for JSON. */
export function wantsEvents(request: Request): boolean {
  return request.accepts(['application/json', 'text/event-stream']) === 'text/event-stream';
}
