import type { ActionName, ActionRequest, Caller } from './operation.ts';
import type { Target } from './target.ts';

/** Why a caller may not. */
export type DenyReason =
  // Not this caller's target: from outside the same as a target that does not exist.
  | 'token_mismatch'
  | 'no_grant'
  | 'repository_mismatch'
  | 'repository_id_mismatch'
  // The grant names this repository, but not like this.
  | 'ref_mismatch'
  | 'environment_mismatch'
  | 'event_not_allowed'
  | 'workflow_mismatch'
  | 'ref_not_protected'
  | 'webhook_not_subscribed'
  | 'package_needs_tag_pattern'
  // The caller may, the request may not.
  | 'action_not_enabled'
  | 'label_fault'
  | 'image_malformed'
  | 'image_not_allowed'
  | 'tag_not_checkable';

export type Decision =
  | { readonly allowed: true; readonly labelToken: LabelToken }
  | { readonly allowed: false; readonly reason: DenyReason; readonly findings: readonly Finding[] };

/** One thing that speaks against, in words for people, without values of secrets. */
export interface Finding {
  readonly reason: DenyReason;
  readonly message: string;
}

/**
 * The capability "this caller may do this action on this target". Only `authorize` makes one, and the engine does
 * nothing without one.
 */
export declare class LabelToken {
  private constructor();
  readonly caller: Caller;
  readonly request: ActionRequest;
  readonly target: Target;
}

/** May this caller do this with this target? */
export declare function authorize(caller: Caller, request: ActionRequest, target: Target): Decision;

/** Whether the caller is one of the target's, for any action: who may read its state and its operations. */
export declare function mayRead(caller: Caller, target: Target): boolean;

/** What a denial looks like from outside: `unknown` = as if the target did not exist, `refused` = said openly. */
export declare function visibilityOf(reason: DenyReason): 'unknown' | 'refused';

export type { ActionName };
