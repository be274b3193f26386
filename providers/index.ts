import type { Providers } from './provider.ts';

/** Plain values of the configuration. A value that is absent is not configured; an empty string never is one. */
export interface ProvidersOptions {
  /** Webhook secrets of single repositories are derived from it. Turns `github` and `gitlab` webhooks on. */
  readonly webhookMasterKey?: string | undefined;
  /** The `aud` every token must carry. Turns OIDC on for `github`, `gitlab` and, with its name, `github-org`. */
  readonly oidcAudience?: string | undefined;
  /** Lets issuers be `http://`. Default `false`. */
  readonly oidcAllowInsecureIssuer?: boolean | undefined;
  /** Default `https://token.actions.githubusercontent.com`. */
  readonly githubOidcIssuer?: string | undefined;
  /** Login of the organisation. Turns `github-org` on: its OIDC with the audience, its webhooks with the secret. */
  readonly githubOrgName?: string | undefined;
  /** Its immutable id, decimal digits; checked when given. */
  readonly githubOrgId?: string | undefined;
  /** Secret of the organisation's webhook. */
  readonly githubOrgWebhookSecret?: string | undefined;
  /** Default: `githubOidcIssuer`. A token of another issuer counts as `github-org` only. */
  readonly githubOrgOidcIssuer?: string | undefined;
  /** The GitLab instance, for its API. Default `https://gitlab.com`. */
  readonly gitlabUrl?: string | undefined;
  /** Default: `gitlabUrl`. */
  readonly gitlabOidcIssuer?: string | undefined;
  /** Lets GitLab be asked whether a ref is protected where a webhook does not say. */
  readonly gitlabApiToken?: string | undefined;
  /** Path of a project or group → signing token (`whsec_…`) of its webhook. */
  readonly gitlabSigningTokens?: Readonly<Record<string, string>> | undefined;
}

/** What the providers need of the world. Default: the runtime's own. */
export interface ProvidersWorld {
  readonly fetch?: typeof fetch;
  readonly now?: () => Date;
}

/** Composes the configured providers: the one place that lists them. */
export declare function createProviders(options: ProvidersOptions, world?: ProvidersWorld): Providers;
