import type { Delivery, VerifiedIdentity, WebhookEvent } from '../../providers/provider.ts';
import type { Finding } from './denial.ts';
import type { Grant } from './labels.ts';

/**
 * Compares an identity with a grant.
 * @returns the first thing that does not match; what a grant names and the platform did not say never matches
 */
export function matchGrant(
  grant: Grant,
  identity: VerifiedIdentity,
  delivery: Delivery | undefined,
): Finding | undefined {
  return matchRepository(grant, identity) ?? matchCircumstances(grant, identity, delivery);
}

/** Events about an image in a registry. They name no ref. */
export function isPackageEvent(delivery: Delivery): boolean {
  return delivery.event === 'package' || delivery.event === 'registry_package';
}

function matchRepository(grant: Grant, identity: VerifiedIdentity): Finding | undefined {
  const name = lowerCase(identity.repository);
  if (grant.repositories !== undefined && !grant.repositories.some(pattern => isRepository(pattern, name))) {
    return { reason: 'repository_mismatch', message: `The grant does not name the repository ${name}.` };
  }
  // An id that is only claimed may narrow a grant by name; alone it proves nothing.
  const id = identity.repositoryId ?? (grant.repositories && identity.claimedRepositoryId);
  if (grant.repositoryIds !== undefined && (id === undefined || !grant.repositoryIds.includes(id))) {
    return {
      reason: 'repository_id_mismatch',
      message:
        id === undefined
          ? `The grant names repository ids only, and the webhook secret of ${name} proves none: add its name.`
          : `The grant does not name the repository id ${id}.`,
    };
  }
  return undefined;
}

function matchCircumstances(
  grant: Grant,
  identity: VerifiedIdentity,
  delivery: Delivery | undefined,
): Finding | undefined {
  if (delivery !== undefined && !grant.on.includes(delivery.event)) {
    return { reason: 'webhook_not_subscribed', message: `The label \`on\` does not name ${delivery.event}.` };
  }
  if (grant.environment !== undefined && grant.environment !== identity.environment) {
    return {
      reason: 'environment_mismatch',
      message: `The environment is ${say(identity.environment)}, not ${grant.environment}.`,
    };
  }
  // What stands for the ref of a package event is the tag pattern that authorize demands of image-allow.
  const hasRef = delivery === undefined || !isPackageEvent(delivery);
  if (grant.refs !== undefined && hasRef && !grant.refs.some(pattern => isRef(pattern, identity.ref))) {
    return {
      reason: 'ref_mismatch',
      message: `The ref is ${say(identity.ref)}, not ${grant.refs.join(' or ')}.`,
    };
  }
  if (needsStartedBy(grant, identity, delivery) && !grant.startedBy.includes(identity.startedBy ?? '')) {
    return {
      reason: 'event_not_allowed',
      message:
        identity.startedBy === undefined
          ? `The label \`event\` wants a pipeline started by ${grant.startedBy.join(' or ')}, and what started it is not given.`
          : `The pipeline was started by ${identity.startedBy}, not by ${grant.startedBy.join(' or ')}.`,
    };
  }
  if (grant.workflow !== undefined && grant.workflow !== identity.workflow) {
    return {
      reason: 'workflow_mismatch',
      message: `The workflow is ${say(identity.workflow)}, not ${grant.workflow}.`,
    };
  }
  if (grant.refProtected && identity.refProtected !== true) {
    const fact = identity.refProtected === false ? 'is not protected' : 'is not known to be protected';
    return {
      reason: 'ref_not_protected',
      message:
        `The ref ${fact}. Protect it; where a webhook does not say, SWARM_UTILS_GITLAB_API_TOKEN lets swarm-utils ` +
        'ask GitLab; the label ref-protected=false does without.',
    };
  }
  return undefined;
}

const pipelineEvents: readonly WebhookEvent[] = ['workflow_run', 'pipeline'];

/**
 * Tokens and pipeline events must say what started the pipeline, and so must its jobs where the grant says it in
 * writing. A deployment goes by its environment or ref, other events by what they are.
 */
function needsStartedBy(grant: Grant, identity: VerifiedIdentity, delivery: Delivery | undefined): boolean {
  return (
    identity.startedBy !== undefined ||
    delivery === undefined ||
    pipelineEvents.includes(delivery.event) ||
    (grant.isStartedByWritten && delivery.event === 'job')
  );
}

function isRepository(pattern: string, name: string): boolean {
  return pattern.endsWith('/*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function isRef(pattern: string, ref: string | undefined): boolean {
  return (
    ref !== undefined && (pattern.endsWith('*') ? ref.startsWith(pattern.slice(0, -1)) : ref === pattern)
  );
}

/** Of ASCII only: to Unicode the Kelvin sign (U+212A) is a capital `k`, and would make one name of two. */
function lowerCase(name: string): string {
  return name.replace(/[A-Z]/g, letter => letter.toLowerCase());
}

function say(value: string | undefined): string {
  return value ?? 'not given';
}
