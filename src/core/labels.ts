import type { ProviderName, WebhookEvent } from '../../providers/provider.ts';
import type { ActionName } from './operation.ts';
import type { TokenSecret } from './plain-token.ts';

export const labelPrefix = 'swarm-utils.';

/** A label that is unknown or has a bad value. Never ignored: shown by the API, logged once, and see `authorize`. */
export interface LabelFault {
  /** The whole key. */
  readonly label: string;
  /** The value, or `[redacted]` where it may be a secret. */
  readonly value: string;
  readonly message: string;
}

/** What one provider's labels of one action allow an identity to do. Every field given must match. */
export interface Grant {
  readonly provider: ProviderName;
  /** Lower case; `owner/*` only under `github-org`. */
  readonly repositories?: readonly string[];
  readonly repositoryIds?: readonly string[];
  /** Full refs, `*` only at the end. */
  readonly refs?: readonly string[];
  readonly environment?: string;
  readonly startedBy: readonly string[];
  readonly workflow?: string;
  /** GitLab: the ref must be protected. */
  readonly refProtected: boolean;
  /** Webhook events that start the action by themselves. */
  readonly on: readonly WebhookEvent[];
}

export interface ActionLabels {
  readonly isEnabled: boolean;
  readonly token?: TokenSecret;
  readonly grants: readonly Grant[];
  readonly timeoutMs?: number;
  /** Faults under `swarm-utils.<action>.`; those that only void one grant are in `faults` of the service alone. */
  readonly faults: readonly LabelFault[];
}
