import type { Delivery, ProviderName, VerifiedIdentity } from '../../providers/provider.ts';
import type { OperationErrorCode } from './errors.ts';
import type { ImageReference } from './image-reference.ts';
import type { PlainToken } from './plain-token.ts';
import type { StepReport } from './step.ts';
import type { Warning } from './warning.ts';

/** What can be done to a service, and to a node `clean`; the word in labels and routes. */
export const actionNames = ['update', 'clean', 'backup', 'restore'] as const;
export type ActionName = (typeof actionNames)[number];

/** One action with its parameters, as asked for. */
export interface UpdateRequest {
  readonly action: 'update';
  /** Absent: the reference that the service runs now, resolved anew. */
  readonly image?: ImageReference;
  /** Recreate the tasks even when the image is the same. */
  readonly isForce: boolean;
}

/** Runs the service's `clean.exec` in its containers. */
export interface CleanServiceRequest {
  readonly action: 'clean';
  readonly targetKind: 'service';
}

/** Removes from a node what nobody needs any more. */
export interface CleanNodeRequest {
  readonly action: 'clean';
  readonly targetKind: 'node';
  /** Only list what would go. */
  readonly isDryRun: boolean;
}

/** Backs the service's volumes up, as its labels say. */
export interface BackupRequest {
  readonly action: 'backup';
  /** Of nodes that are down an admin confirms that nothing of the service runs there any more. Absent: no. */
  readonly isForce?: boolean;
}

/** Brings volumes of the service back from a backup. */
export interface RestoreRequest {
  readonly action: 'restore';
  /** Only this one; absent: all that the service's labels name. */
  readonly volume?: string;
  /** The id of a backup, or the name of one archive or snapshot in it. Absent: the newest that has all volumes. */
  readonly backup?: string;
  /** Host name or id of the node whose volumes are restored. Absent: where the service's data lives. */
  readonly nodeName?: string;
  /** Restore into a scratch volume, count what is in it, and remove it: nothing of the service is touched. */
  readonly isDrill: boolean;
  /** As of a backup. */
  readonly isForce?: boolean;
}

export type ServiceRequest = UpdateRequest | CleanServiceRequest | BackupRequest | RestoreRequest;
export type ActionRequest = ServiceRequest | CleanNodeRequest;

/** Who asks. Whatever is in here has been verified, plain tokens excepted: labels decide what they are good for. */
export type Caller =
  | { readonly kind: 'admin' }
  | { readonly kind: 'token'; readonly token: PlainToken }
  | { readonly kind: 'workload'; readonly identities: readonly [VerifiedIdentity, ...VerifiedIdentity[]] }
  | { readonly kind: 'delivery'; readonly delivery: Delivery }
  | { readonly kind: 'schedule' };

/** A caller as operations show it: never a secret. */
export interface CallerSummary {
  readonly kind: Caller['kind'];
  readonly provider?: ProviderName;
  readonly repository?: string;
  readonly ref?: string;
  readonly actor?: string;
}

export type OperationStatus =
  | 'queued'
  | 'running'
  | 'succeeded'
  | 'unchanged'
  | 'failed'
  | 'rolled_back'
  | 'timed_out'
  | 'interrupted';

/** Statuses an operation ends with. */
export type Verdict = Exclude<OperationStatus, 'queued' | 'running'>;

/** One action on one target for one caller, from acceptance to verdict; the shape of the HTTP answer. */
export interface Operation {
  readonly id: string;
  readonly action: ActionName;
  readonly target: { readonly kind: 'service' | 'node'; readonly id: string; readonly name: string };
  readonly caller: CallerSummary;
  readonly status: OperationStatus;
  /** What the service ran and what it was asked to run, pinned where known; `digest` is that of `to`. */
  readonly image?: { readonly from: string; readonly to: string; readonly digest: string };
  readonly steps: readonly StepReport[];
  /** Times are ISO 8601 in UTC. */
  readonly createdAt: string;
  readonly startedAt?: string;
  /** How long it may take from its start on, milliseconds; known once it has begun. */
  readonly timeoutMs?: number;
  readonly finishedAt?: string;
  /** Those of its steps, in their order. */
  readonly warnings?: readonly Warning[];
  readonly error?: { readonly code: OperationErrorCode; readonly message: string };
}

/** Whether the operation has its verdict. */
export function isFinished(operation: Operation): operation is Operation & { status: Verdict } {
  return operation.status !== 'queued' && operation.status !== 'running';
}

/** What operations, logs and events may say of a caller. */
export function summarizeCaller(caller: Caller): CallerSummary {
  if (caller.kind === 'workload') {
    return { kind: caller.kind, ...summarizeIdentity(caller.identities[0]) };
  }
  if (caller.kind === 'delivery') {
    return { kind: caller.kind, ...summarizeIdentity(caller.delivery.identity) };
  }
  return { kind: caller.kind };
}

function summarizeIdentity(identity: VerifiedIdentity): Omit<CallerSummary, 'kind'> {
  return {
    provider: identity.provider,
    repository: identity.repository,
    ...(identity.ref !== undefined && { ref: identity.ref }),
    ...(identity.actor !== undefined && { actor: identity.actor }),
  };
}
