import { z } from 'zod';
import {
  decimalId,
  eventName,
  gitlabProject,
  gitRef,
  optional,
  present,
  read,
  refName,
  text,
} from './fields.ts';
import { fullRef } from './names.ts';
import { ProviderError } from './provider.ts';
import type { IdentifyClaims } from './tokens.ts';

/** Tokens are made when the job starts and live as long as it may: the part of a job before it calls us. */
export const GITLAB_MAX_TOKEN_AGE_SECONDS = 65 * 60;

/** What starts the pipelines of merge requests: their ref names the source branch, of whatever project. */
export const mergeRequestSources: ReadonlySet<string> = new Set([
  'merge_request_event',
  'external_pull_request_event',
]);

// https://docs.gitlab.com/ci/secrets/id_token_authentication/. A user's login token of the same issuer has no job.
const claimsSchema = z.object({
  project_path: gitlabProject,
  project_id: decimalId,
  namespace_id: decimalId,
  pipeline_source: eventName,
  pipeline_id: decimalId,
  job_id: decimalId,
  job_project_id: optional(decimalId),
  source_project_id: optional(decimalId),
  ref: refName,
  ref_type: optional(z.string()),
  ref_path: optional(gitRef),
  ref_protected: optional(z.enum(['true', 'false'])),
  environment: optional(text(255)),
  ci_config_ref_uri: optional(text(1024)),
  user_login: optional(text(255)),
});

/** Claims of a GitLab CI job. */
export const identifyGitlab: IdentifyClaims = claims => {
  const job = read(claimsSchema, claims, 'invalid_credential', 'claims');
  // Since 18.2.2 `project_*` is where the code of a merge request comes from, `job_project_*` where it runs.
  for (const other of [job.job_project_id, job.source_project_id]) {
    if (other !== undefined && other !== job.project_id) {
      throw new ProviderError('invalid_credential', 'claims: the code is of another project than the job');
    }
  }
  const isMergeRequest = mergeRequestSources.has(job.pipeline_source);
  return present({
    provider: 'gitlab' as const,
    repository: job.project_path,
    repositoryId: job.project_id,
    ownerId: job.namespace_id,
    ref: isMergeRequest ? undefined : (job.ref_path ?? refOf(job.ref_type, job.ref)),
    environment: job.environment,
    startedBy: job.pipeline_source,
    workflow: job.ci_config_ref_uri,
    actor: job.user_login,
    refProtected:
      isMergeRequest || job.ref_protected === undefined ? undefined : job.ref_protected === 'true',
  });
};

/** GitLab before 16.0 has no `ref_path`. */
function refOf(type: string | undefined, name: string): string | undefined {
  if (type !== 'branch' && type !== 'tag') {
    return undefined;
  }
  return fullRef(type === 'branch' ? 'heads' : 'tags', name);
}
