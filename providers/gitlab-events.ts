import { z } from 'zod';
import { commit, decimalId, eventName, gitlabProject, optional, read, text } from './fields.ts';
import { mergeRequestSources } from './gitlab-claims.ts';
import { branchOrTag, fullRef, isBranchOrTag } from './names.ts';
import { ProviderError, type webhookEvents } from './provider.ts';

type Body = Readonly<Record<string, unknown>>;
export type GitlabEvent = (typeof webhookEvents)['gitlab'][number];

/** What a verified webhook says. */
export interface GitlabHappening {
  readonly event: GitlabEvent;
  readonly repository: string;
  readonly repositoryId: string;
  readonly ref?: string | undefined;
  /** A name of which the body does not say whether it is a branch or a tag. */
  readonly bareRef?: string | undefined;
  readonly refProtected?: boolean | undefined;
  readonly environment?: string | undefined;
  readonly startedBy?: string | undefined;
  readonly actor?: string | undefined;
  readonly sha?: string | undefined;
}

export interface NothingToDo {
  readonly event: string;
  readonly reason: string;
}

type Facts = Omit<GitlabHappening, 'event' | 'repository' | 'repositoryId'>;
type Project = z.output<typeof projectSchema>;

const ZERO = /^0+$/;
const MERGE_REQUEST_REF = 'refs/merge-requests/';

const projectSchema = z.object({ id: decimalId, path_with_namespace: gitlabProject });
const commonSchema = z.object({
  project: projectSchema,
  project_id: optional(decimalId),
  user_username: optional(text(255)),
  user: optional(z.object({ username: optional(text(255)) })),
});

/** The body names its event itself; the header is not signed and not read. */
const readers: Readonly<
  Record<
    string,
    {
      readonly event: GitlabEvent;
      readonly read: (body: Body, project: Project, now: Date) => Facts | string;
    }
  >
> = {
  push: { event: 'push', read: readPush },
  tag_push: { event: 'tag_push', read: readPush },
  pipeline: { event: 'pipeline', read: readPipeline },
  build: { event: 'job', read: readJob },
  deployment: { event: 'deployment', read: readDeployment },
  release: { event: 'release', read: readRelease },
};

/**
 * Reads a verified webhook.
 * @throws {ProviderError} `malformed` for a body that is not what GitLab sends
 * @see https://docs.gitlab.com/user/project/integrations/webhook_events/
 */
export function readGitlabWebhook(body: Body, now: Date): GitlabHappening | NothingToDo {
  const { object_kind: kind } = read(z.object({ object_kind: eventName }), body, 'malformed', 'webhook');
  const reader = Object.hasOwn(readers, kind) ? readers[kind] : undefined;
  if (reader === undefined) {
    return { event: kind, reason: 'This event starts nothing.' };
  }
  const { project, project_id, user, user_username } = read(commonSchema, body, 'malformed', kind);
  if (project_id !== undefined && project_id !== project.id) {
    throw new ProviderError('malformed', `${kind}: it names two projects`);
  }
  const facts = reader.read(body, project, now);
  if (typeof facts === 'string') {
    return { event: reader.event, reason: facts };
  }
  return {
    event: reader.event,
    repository: project.path_with_namespace,
    repositoryId: project.id,
    actor: user_username ?? user?.username,
    ...facts,
  };
}

const pushSchema = z.object({
  object_kind: z.string(),
  ref: z.string(),
  after: commit,
  checkout_sha: optional(commit),
  ref_protected: optional(z.boolean()),
});

function readPush(body: Body): Facts | string {
  const push = read(pushSchema, body, 'malformed', 'push');
  if (ZERO.test(push.after) || push.checkout_sha === undefined) {
    return 'The ref was deleted.';
  }
  const kind = branchOrTag(push.ref);
  if (push.object_kind === 'push' ? kind.branch === undefined : kind.tag === undefined) {
    throw new ProviderError('malformed', `${push.object_kind}: its ref is of another kind`);
  }
  if (!isBranchOrTag(push.ref)) {
    return 'The ref is oddly named.';
  }
  return { ref: push.ref, refProtected: push.ref_protected, sha: push.checkout_sha };
}

const pipelineSchema = z.object({
  object_attributes: z.object({
    status: eventName,
    source: eventName,
    ref: z.string().min(1),
    tag: z.boolean(),
    sha: commit,
    protected_ref: optional(z.boolean()),
  }),
  merge_request: optional(
    z.object({ source_project_id: optional(decimalId), target_project_id: optional(decimalId) }),
  ),
});

function readPipeline(body: Body, project: Project): Facts | string {
  const { object_attributes: pipeline, merge_request } = read(pipelineSchema, body, 'malformed', 'pipeline');
  if (pipeline.status !== 'success') {
    return `The pipeline is ${pipeline.status}.`;
  }
  if (merge_request !== undefined && merge_request.source_project_id !== project.id) {
    return 'The pipeline is of code from another project.';
  }
  const { sha, source: startedBy } = pipeline;
  if (merge_request !== undefined || mergeRequestSources.has(startedBy)) {
    // Its `ref` is the name of the source branch, and the code that ran need not be that branch's.
    return { startedBy: merge_request === undefined ? startedBy : 'merge_request_event', sha };
  }
  const ref = fullRef(pipeline.tag ? 'tags' : 'heads', pipeline.ref);
  return { ref, refProtected: ref === undefined ? undefined : pipeline.protected_ref, startedBy, sha };
}

const jobSchema = z.object({
  build_status: eventName,
  ref: z.string().min(1),
  tag: z.boolean(),
  sha: commit,
  environment: optional(z.object({ name: optional(text(255)), action: optional(eventName) })),
});

function readJob(body: Body): Facts | string {
  const job = read(jobSchema, body, 'malformed', 'job');
  if (job.build_status !== 'success') {
    return `The job is ${job.build_status}.`;
  }
  if (job.environment?.action === 'stop') {
    return 'The job stopped an environment.';
  }
  // A job does not say what started its pipeline, but those of merge requests have a ref of their own.
  const startedBy = job.ref.startsWith(MERGE_REQUEST_REF) ? 'merge_request_event' : undefined;
  return {
    ref: fullRef(job.tag ? 'tags' : 'heads', job.ref),
    environment: job.environment?.name,
    startedBy,
    sha: job.sha,
  };
}

const deploymentSchema = z.object({
  status: eventName,
  environment: text(255),
  ref: optional(z.string()),
  short_sha: optional(z.string().regex(/^[0-9a-f]{7,64}$/)),
  commit_url: optional(text(2048)),
});

function readDeployment(body: Body): Facts | string {
  const deployment = read(deploymentSchema, body, 'malformed', 'deployment');
  if (deployment.status !== 'success') {
    return `The deployment is ${deployment.status}.`;
  }
  const startedBy = deployment.ref?.startsWith(MERGE_REQUEST_REF) ? 'merge_request_event' : undefined;
  return {
    bareRef: fullRef('heads', deployment.ref) === undefined ? undefined : deployment.ref,
    environment: deployment.environment,
    startedBy,
    sha: fullSha(deployment.commit_url, deployment.short_sha),
  };
}

/** The body has the full commit in its URL only. */
function fullSha(commitUrl: string | undefined, shortSha: string | undefined): string | undefined {
  const sha = commit.safeParse(commitUrl?.slice(commitUrl.lastIndexOf('/') + 1)).data;
  return shortSha !== undefined && sha?.startsWith(shortSha) ? sha : undefined;
}

const releaseSchema = z.object({
  action: eventName,
  tag: z.string().min(1),
  released_at: optional(text(64)),
  commit: optional(z.object({ id: commit })),
});

function readRelease(body: Body, _project: Project, now: Date): Facts | string {
  const release = read(releaseSchema, body, 'malformed', 'release');
  if (release.action !== 'create') {
    return `The action on the release is ${release.action}.`;
  }
  if (Date.parse(release.released_at ?? '') > now.getTime() + 60_000) {
    return 'The release is an upcoming one.';
  }
  const ref = fullRef('tags', release.tag);
  return ref === undefined ? 'The tag is oddly named.' : { ref, sha: release.commit?.id };
}
