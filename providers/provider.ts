/** The platforms that can identify a caller. A grant for one never satisfies another. */
export const providerNames = ['github-org', 'github', 'gitlab'] as const;
export type ProviderName = (typeof providerNames)[number];

/** A webhook as it came in. Nothing of it has been verified. */
export interface InboundWebhook {
  /** Header names in lower case; of a repeated header the first value. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The raw bytes, as signed by the platform. */
  readonly body: Buffer;
}

/** What a provider proved about a CI job or about the origin of a webhook. Every field is verified. */
export interface VerifiedIdentity {
  readonly provider: ProviderName;
  /** `owner/name` on GitHub, the project's full path on GitLab, in the platform's own case. */
  readonly repository: string;
  /**
   * The platform's immutable id of the repository, decimal digits. Absent where only the path is proved: the webhook
   * secret of one repository, project or group is bound to its path, and whoever holds it can sign any id.
   */
  readonly repositoryId?: string;
  /** The id that such a webhook names. It may narrow a grant whose repository matches, and never replace it. */
  readonly claimedRepositoryId?: string;
  /** The immutable id of the owner (GitHub) or namespace (GitLab), decimal digits. Absent as `repositoryId` is. */
  readonly ownerId?: string;
  /** Full git ref, `refs/heads/…` or `refs/tags/…`. Absent where the platform names none. */
  readonly ref?: string;
  /** Deployment environment of the job or of the deployment. */
  readonly environment?: string;
  /**
   * What started the pipeline (`push`, `workflow_dispatch`, `web` …). Absent for webhooks that are not about a
   * pipeline, and where the platform does not say.
   */
  readonly startedBy?: string;
  /** GitHub `workflow_ref`, GitLab `ci_config_ref_uri`, as they are. */
  readonly workflow?: string;
  /** Whom the platform names as the author of the event, for people to read; never compared with anything. */
  readonly actor?: string;
  /** GitLab: whether the ref is protected. Absent where the platform does not say. */
  readonly refProtected?: boolean;
}

/** A verified OIDC token. */
export interface VerifiedToken {
  /** At least one: a token of a configured organisation counts as `github` and as `github-org`. */
  readonly identities: readonly [VerifiedIdentity, ...VerifiedIdentity[]];
  /** Unique per token: issuer and `jti`. */
  readonly replayKey: string;
  /** From then on the token is refused anyway: `exp` and the clock leeway. */
  readonly expiresAt: Date;
}

/** Webhook events that can start an action (the `on` label). */
export const webhookEvents = {
  'github-org': ['package', 'registry_package', 'workflow_run', 'release', 'push', 'deployment'],
  github: ['package', 'registry_package', 'workflow_run', 'release', 'push', 'deployment'],
  gitlab: ['pipeline', 'job', 'deployment', 'release', 'tag_push', 'push'],
} as const satisfies Record<ProviderName, readonly string[]>;
export type WebhookEvent = (typeof webhookEvents)[ProviderName][number];

/** A verified webhook that may start something: an identity plus what happened. */
export interface Delivery {
  readonly kind: 'delivery';
  readonly event: WebhookEvent;
  readonly identity: VerifiedIdentity;
  /** From signed material, the same for every redelivery. */
  readonly replayKey: string;
  /** Full reference with tag and digest where the event carries them (`package`, `registry_package`). */
  readonly image?: string;
  /** Commit, 40 or 64 hex digits. */
  readonly sha?: string;
  /** Git tag, without `refs/tags/`. */
  readonly tag?: string;
  /** Git branch, without `refs/heads/`. */
  readonly branch?: string;
}

/** A verified webhook that starts nothing whoever asks: a ping, a draft, a deleted ref, a failed or foreign run … */
export interface IgnoredDelivery {
  readonly kind: 'ignored';
  readonly event: string;
  /** One sentence for people. */
  readonly reason: string;
}

export interface WebhookVerifier {
  /** What a body may have at most; longer ones need not be read. */
  readonly maxBodyBytes: number;
  /**
   * Verifies the raw bytes in constant time, and only then takes anything from them (what selects a secret
   * excepted).
   * @throws {ProviderError} `invalid_credential` for anything unverified, `malformed` for a verified body that is
   *   not what the platform sends
   */
  verifyWebhook(request: InboundWebhook): Promise<Delivery | IgnoredDelivery>;
}

export interface TokenVerifier {
  /**
   * @param token a compact JWS, at most 16 KiB, of any origin
   * @throws {ProviderError} `invalid_credential`, `issuer_unavailable`
   */
  verifyToken(token: string): Promise<VerifiedToken>;
  /**
   * What a token with these claims would be identified as, for explanations. Nothing is verified.
   * @throws {ProviderError} `invalid_credential` when no configured provider would accept them; its cause says why
   */
  identifyClaims(
    claims: Readonly<Record<string, unknown>>,
  ): readonly [VerifiedIdentity, ...VerifiedIdentity[]];
}

/** The configured providers. */
export interface Providers {
  /** Webhook verifiers of the providers whose webhooks are on. */
  readonly webhooks: ReadonlyMap<ProviderName, WebhookVerifier>;
  /** Absent when no provider's OIDC is on. */
  readonly tokens?: TokenVerifier;
}

export type ProviderErrorCode = 'invalid_credential' | 'malformed' | 'issuer_unavailable';

/**
 * A refusal by a provider. The message is for the operator's log, never for the caller, who gets one uniform answer
 * per code; it holds no token, signature or secret.
 */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly code: ProviderErrorCode;

  constructor(code: ProviderErrorCode, message: string, options?: ErrorOptions) {
    // A refusal is no fault, nobody reads its stack, and whoever sends forgeries decides how many there are.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
  }
}
