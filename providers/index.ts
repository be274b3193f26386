import { createGithubWebhooks } from './github.ts';
import {
  createIdentifyGithubOrg,
  GITHUB_MAX_TOKEN_AGE_SECONDS,
  identifyGithub,
  type Organization,
} from './github-claims.ts';
import { createGithubOrgWebhooks } from './github-org.ts';
import { createGitlabWebhooks } from './gitlab.ts';
import { GITLAB_MAX_TOKEN_AGE_SECONDS, identifyGitlab } from './gitlab-claims.ts';
import { createGitlabRefs } from './gitlab-refs.ts';
import { createIssuer } from './oidc.ts';
import type { ProviderName, Providers, TokenVerifier, WebhookVerifier } from './provider.ts';
import { createTokenVerifier, type IdentifyClaims, type TrustedIssuer } from './tokens.ts';

const GITHUB_ISSUER = 'https://token.actions.githubusercontent.com';
const GITLAB_URL = 'https://gitlab.com';

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

/**
 * Composes the configured providers: the one place that lists them.
 * @throws {TypeError} for an issuer that is no URL or not `https`, one issuer for two platforms, and signing tokens
 *   that are none or whose paths are none
 */
export function createProviders(options: ProvidersOptions, world: ProvidersWorld = {}): Providers {
  const now = world.now ?? (() => new Date());
  const tokens = createTokens(options, { fetch: world.fetch ?? fetch, now });
  return { webhooks: createWebhooks(options, now), ...(tokens !== undefined && { tokens }) };
}

function createWebhooks(
  options: ProvidersOptions,
  now: () => Date,
): ReadonlyMap<ProviderName, WebhookVerifier> {
  const webhooks = new Map<ProviderName, WebhookVerifier>();
  const {
    webhookMasterKey: masterKey,
    gitlabSigningTokens: signingTokens,
    gitlabApiToken: apiToken,
  } = options;
  const { githubOrgWebhookSecret: secret } = options;
  const organization = organizationOf(options);
  if (organization && secret) {
    webhooks.set('github-org', createGithubOrgWebhooks({ organization, secret }));
  }
  if (masterKey) {
    webhooks.set('github', createGithubWebhooks({ masterKey }));
  }
  if (masterKey || Object.keys(signingTokens ?? {}).length > 0) {
    const refs = apiToken ? createGitlabRefs({ url: options.gitlabUrl ?? GITLAB_URL, apiToken }) : undefined;
    webhooks.set('gitlab', createGitlabWebhooks({ masterKey, signingTokens, refs, now }));
  }
  return webhooks;
}

function createTokens(options: ProvidersOptions, world: Required<ProvidersWorld>): TokenVerifier | undefined {
  const { oidcAudience: audience } = options;
  if (!audience) {
    return undefined;
  }
  const trust = (
    issuer: string,
    providers: readonly IdentifyClaims[],
    limits: { readonly maxTokenAgeSeconds: number; readonly requireType: boolean },
  ): TrustedIssuer => ({
    issuer: createIssuer({
      ...world,
      ...limits,
      issuer,
      audience,
      allowInsecure: options.oidcAllowInsecureIssuer ?? false,
    }),
    providers,
  });
  const github = { maxTokenAgeSeconds: GITHUB_MAX_TOKEN_AGE_SECONDS, requireType: true };
  // GitLab documents no `typ`.
  const gitlab = { maxTokenAgeSeconds: GITLAB_MAX_TOKEN_AGE_SECONDS, requireType: false };

  const githubIssuer = options.githubOidcIssuer ?? GITHUB_ISSUER;
  const gitlabIssuer = options.gitlabOidcIssuer ?? (options.gitlabUrl ?? GITLAB_URL).replace(/\/+$/, '');
  const orgIssuer = options.githubOrgOidcIssuer ?? githubIssuer;
  const organization = organizationOf(options);
  const identifyOrg = organization === undefined ? [] : [createIdentifyGithubOrg(organization)];
  const hasOwnIssuer = organization !== undefined && orgIssuer !== githubIssuer;
  if (gitlabIssuer === githubIssuer || gitlabIssuer === orgIssuer) {
    throw new TypeError('GitHub and GitLab have the same issuer');
  }
  return createTokenVerifier(
    [
      trust(githubIssuer, hasOwnIssuer ? [identifyGithub] : [identifyGithub, ...identifyOrg], github),
      ...(hasOwnIssuer ? [trust(orgIssuer, identifyOrg, github)] : []),
      trust(gitlabIssuer, [identifyGitlab], gitlab),
    ],
    audience,
  );
}

function organizationOf({
  githubOrgName: name,
  githubOrgId: id,
}: ProvidersOptions): Organization | undefined {
  return name ? { name, id } : undefined;
}
