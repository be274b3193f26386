import { z } from 'zod';
import {
  decimalId,
  eventName,
  githubOwner,
  githubRepository,
  gitRef,
  optional,
  present,
  read,
  text,
} from './fields.ts';
import { isSameName } from './names.ts';
import { ProviderError, type VerifiedIdentity } from './provider.ts';
import type { IdentifyClaims } from './tokens.ts';

/** Tokens live for five minutes, and are made when they are asked for. */
export const GITHUB_MAX_TOKEN_AGE_SECONDS = 10 * 60;

/** An organisation, by its login and, where it is configured, by its immutable id. */
export interface Organization {
  readonly name: string;
  readonly id?: string | undefined;
}

// https://docs.github.com/en/actions/reference/security/oidc. `sub` is never parsed: its form can be configured.
const claimsSchema = z.object({
  repository: githubRepository,
  repository_id: decimalId,
  repository_owner: githubOwner,
  repository_owner_id: decimalId,
  event_name: eventName,
  // Empty for a deployment of a bare commit.
  ref: optional(gitRef),
  environment: optional(text(255)),
  workflow_ref: optional(text(1024)),
  actor: optional(text(255)),
});

/** Claims of a GitHub Actions job, as `github`. */
export const identifyGithub: IdentifyClaims = claims => readIdentity('github', claims);

/** Claims of a GitHub Actions job in a repository of the organisation, as `github-org`. */
export function createIdentifyGithubOrg(organization: Organization): IdentifyClaims {
  return claims => {
    const identity = readIdentity('github-org', claims);
    const [owner = ''] = identity.repository.split('/');
    const isOurs =
      isSameName(owner, organization.name) &&
      (organization.id === undefined || organization.id === identity.ownerId);
    return isOurs ? identity : undefined;
  };
}

function readIdentity(provider: 'github' | 'github-org', claims: unknown): VerifiedIdentity {
  const read_ = read(claimsSchema, claims, 'invalid_credential', 'claims');
  if (!isSameName(read_.repository.split('/')[0] ?? '', read_.repository_owner)) {
    throw new ProviderError('invalid_credential', 'claims: the repository is not its owner’s');
  }
  return present({
    provider,
    repository: read_.repository,
    repositoryId: read_.repository_id,
    ownerId: read_.repository_owner_id,
    ref: read_.ref,
    environment: read_.environment,
    // With `pull_request_target` and `workflow_run` the ref is the base or default branch, whatever code runs:
    // it is for the grant's `event` to refuse them.
    startedBy: read_.event_name,
    workflow: read_.workflow_ref,
    actor: read_.actor,
  });
}
