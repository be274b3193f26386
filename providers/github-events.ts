import type { EmitterWebhookEventName } from '@octokit/webhooks';
import { z } from 'zod';
import {
  commit,
  decimalId,
  eventName,
  githubRepository,
  isObject,
  optional,
  present,
  read,
  text,
} from './fields.ts';
import { packageSchema, readPackage } from './github-package.ts';
import { branchOrTag, fullRef, isBranchOrTag } from './names.ts';
import {
  type Delivery,
  type IgnoredDelivery,
  ProviderError,
  type VerifiedIdentity,
  type WebhookEvent,
  webhookEvents,
} from './provider.ts';
import { replayKeyOf } from './replay-key.ts';

/** A webhook whose signature is verified. */
export interface SignedGithubWebhook {
  readonly provider: 'github' | 'github-org';
  /** The header `X-GitHub-Event`: not signed, and so never believed against the body. */
  readonly event: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
  readonly bytes: Buffer;
}

type GithubEvent = (typeof webhookEvents)['github'][number] & EmitterWebhookEventName;
type Body = Readonly<Record<string, unknown>>;
type Facts = Omit<Delivery, 'kind' | 'event' | 'identity' | 'replayKey' | 'branch'> &
  Pick<VerifiedIdentity, 'ref' | 'environment' | 'startedBy' | 'workflow'> & { readonly replayOf?: string };
/** What happened, or in one sentence why it starts nothing. */
export type Reading = { readonly [K in keyof Facts]?: Facts[K] | undefined } | string;

const ZERO = /^0+$/;
/** What bodies are about: none may be about anything but what its event is about. */
const subjects = [
  'check_run',
  'check_suite',
  'deployment',
  'deployment_status',
  'package',
  'pull_request',
  'pusher',
  'registry_package',
  'release',
  'workflow_job',
  'workflow_run',
] as const;
type Subject = (typeof subjects)[number];

interface EventReader {
  /** The first must be there, the others may. */
  readonly about: readonly [Subject, ...Subject[]];
  readonly read: (body: Body, repository: Repository) => Reading;
}
type Repository = z.output<typeof repositorySchema>;

const readers: { readonly [K in GithubEvent]: EventReader } = {
  push: { about: ['pusher'], read: readPush },
  package: { about: ['package'], read: readPackageEvent('package') },
  registry_package: { about: ['registry_package'], read: readPackageEvent('registry_package') },
  workflow_run: { about: ['workflow_run'], read: readWorkflowRun },
  release: { about: ['release'], read: readRelease },
  deployment: { about: ['deployment', 'workflow_run'], read: readDeployment },
};

const repositorySchema = z.object({ id: decimalId, full_name: githubRepository });
const commonSchema = z.object({
  repository: repositorySchema,
  sender: optional(z.object({ login: text(255) })),
});

/**
 * What a signed webhook of GitHub says.
 * @throws {ProviderError} `malformed` for a body that is not what GitHub sends, or not of the event it came as
 * @see https://docs.github.com/en/webhooks/webhook-events-and-payloads
 */
export function readGithubWebhook(webhook: SignedGithubWebhook): Delivery | IgnoredDelivery {
  const { provider, body } = webhook;
  const event = read(eventName, webhook.event, 'malformed', 'X-GitHub-Event');
  if (event === 'ping') {
    return { kind: 'ignored', event, reason: 'The webhook is set up.' };
  }
  if (!isGithubEvent(event)) {
    return { kind: 'ignored', event, reason: 'This event starts nothing.' };
  }
  const reader = readers[event];
  refuseOtherSubjects(event, reader, body);
  if (body.repository === undefined) {
    return { kind: 'ignored', event, reason: 'It names no repository.' };
  }
  const { repository, sender } = read(commonSchema, body, 'malformed', event);
  const facts = reader.read(body, repository);
  if (typeof facts === 'string') {
    return { kind: 'ignored', event, reason: facts };
  }
  const { ref, environment, startedBy, workflow, image, sha, replayOf } = facts;
  // The organisation's secret stands for all its repositories, a derived one for a path and not for an id.
  const idField = provider === 'github-org' ? 'repositoryId' : 'claimedRepositoryId';
  return present({
    kind: 'delivery' as const,
    event: event satisfies WebhookEvent,
    identity: present({
      provider,
      repository: repository.full_name,
      [idField]: repository.id,
      ref,
      environment,
      startedBy,
      workflow,
      actor: sender?.login,
    }),
    replayKey: replayKeyOf(provider, repository.full_name.toLowerCase(), replayOf ?? webhook.bytes),
    image,
    sha,
    ...branchOrTag(ref),
  });
}

function isGithubEvent(event: string): event is GithubEvent {
  return (webhookEvents.github as readonly string[]).includes(event);
}

/** The header that names the event is not signed: whoever replays a webhook could relabel it. */
function refuseOtherSubjects(event: string, { about }: EventReader, body: Body): void {
  const [required] = about;
  const others = subjects.filter(
    subject => (body[subject] ?? undefined) !== undefined && !about.includes(subject),
  );
  if (!isObject(body[required]) || others.length > 0 || (event === 'push') === 'action' in body) {
    throw new ProviderError('malformed', `a body of another event came as ${event}`);
  }
}

const pushSchema = z.object({
  ref: z.string(),
  after: commit,
  deleted: optional(z.boolean()),
  head_commit: optional(z.object({ id: commit })),
});

function readPush(body: Body): Reading {
  const push = read(pushSchema, body, 'malformed', 'push');
  if (push.deleted === true || ZERO.test(push.after)) {
    return 'The ref was deleted.';
  }
  if (!isBranchOrTag(push.ref)) {
    return 'The ref is neither a branch nor a tag, or oddly named.';
  }
  // `after` of an annotated tag is the tag object.
  return { ref: push.ref, sha: push.head_commit?.id ?? push.after };
}

function readPackageEvent(event: 'package' | 'registry_package'): EventReader['read'] {
  return (body, repository) => {
    const { action } = read(z.object({ action: eventName }), body, 'malformed', event);
    if (action !== 'published' && action !== 'updated') {
      return `The package was ${action}.`;
    }
    const image = readPackage(read(packageSchema, body[event], 'malformed', event), repository);
    return 'reason' in image ? image.reason : { image: image.reference };
  };
}

const workflowRunSchema = z.object({
  event: eventName,
  conclusion: optional(eventName),
  head_branch: optional(z.string()),
  head_sha: commit,
  path: optional(text(512)),
  head_repository: optional(z.object({ id: decimalId })),
});

/**
 * Of what kind the ref of a run is, by what started it. A run does not say whether its `head_branch` is a branch or a
 * tag: a pushed tag named `main` reads like the branch. Other runs (of pull requests, of other runs) have the name of
 * a branch whose code they need not have run: they get none.
 */
const refKindByRunEvent = new Map<string, 'heads' | 'tags'>([
  ['push', 'heads'],
  ['workflow_dispatch', 'heads'],
  ['repository_dispatch', 'heads'],
  ['schedule', 'heads'],
  ['release', 'tags'],
]);

function readWorkflowRun(body: Body, repository: Repository): Reading {
  const { action } = read(z.object({ action: eventName }), body, 'malformed', 'workflow_run');
  if (action !== 'completed') {
    return `The run is ${action}.`;
  }
  const run = read(workflowRunSchema, body.workflow_run, 'malformed', 'workflow_run');
  if (run.conclusion !== 'success') {
    return `The run ended with ${run.conclusion ?? 'nothing'}.`;
  }
  if (run.head_repository?.id !== repository.id) {
    return 'The run is of code from another repository.';
  }
  const kind = refKindByRunEvent.get(run.event);
  const ref = kind && fullRef(kind, run.head_branch);
  // As `workflow_ref` of these runs is put together.
  const isFile = run.path?.startsWith('.github/workflows/') && !run.path.includes('@');
  const workflow = ref && isFile ? `${repository.full_name}/${run.path}@${ref}` : undefined;
  return { ref, startedBy: run.event, workflow, sha: run.head_sha };
}

const releaseSchema = z.object({
  id: decimalId,
  tag_name: z.string().min(1),
  draft: z.boolean(),
  prerelease: z.boolean(),
});

/**
 * GitHub announces one release by `published` and by `released`, and a prerelease that becomes a release by
 * `released` only. Either starts; both have one replay key, so that they start once.
 */
function readRelease(body: Body): Reading {
  const { action } = read(z.object({ action: eventName }), body, 'malformed', 'release');
  const release = read(releaseSchema, body.release, 'malformed', 'release');
  if (action !== 'published' && action !== 'released') {
    return `The release was ${action}.`;
  }
  if (release.draft || release.prerelease) {
    return `It is a ${release.draft ? 'draft' : 'prerelease'}.`;
  }
  const ref = fullRef('tags', release.tag_name);
  if (ref === undefined) {
    return 'The tag is oddly named.';
  }
  return { ref, replayOf: `release ${release.id} ${release.tag_name}` };
}

const deploymentSchema = z.object({
  environment: text(255),
  ref: z.string(),
  sha: commit,
});
const deployingRunSchema = z.object({
  event: eventName,
  head_repository: optional(z.object({ id: decimalId })),
});

function readDeployment(body: Body, repository: Repository): Reading {
  const { action } = read(z.object({ action: eventName }), body, 'malformed', 'deployment');
  if (action !== 'created') {
    return `The deployment is ${action}.`;
  }
  const deployment = read(deploymentSchema, body.deployment, 'malformed', 'deployment');
  const run = read(optional(deployingRunSchema), body.workflow_run, 'malformed', 'deployment');
  if (run?.head_repository !== undefined && run.head_repository.id !== repository.id) {
    return 'The deployment is of code from another repository.';
  }
  // A bare name may be a branch, a tag or a commit: only a full ref says which.
  return {
    ref: isBranchOrTag(deployment.ref) ? deployment.ref : undefined,
    environment: deployment.environment,
    startedBy: run?.event,
    sha: deployment.sha,
  };
}
