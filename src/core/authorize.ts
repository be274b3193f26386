import type { Delivery, VerifiedIdentity } from '../../providers/provider.ts';
import { decideImage } from './image-policy.ts';
import { parseImageReference } from './image-reference.ts';
import type { ActionLabels, Grant } from './labels.ts';
import { type ActionRequest, actionNames, type Caller } from './operation.ts';
import type { Target } from './target.ts';

/**
 * Why a caller may not, by what may be said of it outside.
 * `hidden`: not this caller's target, answered as if it did not exist.
 * `explained`: the grant names the caller's repository, but not like this; answered the same, and explained on request.
 * `open`: the caller may, the request may not; said openly.
 */
const visibilityByReason = {
  token_mismatch: 'hidden',
  no_grant: 'hidden',
  repository_mismatch: 'hidden',
  repository_id_mismatch: 'hidden',
  ref_mismatch: 'explained',
  environment_mismatch: 'explained',
  event_not_allowed: 'explained',
  workflow_mismatch: 'explained',
  ref_not_protected: 'explained',
  webhook_not_subscribed: 'explained',
  package_needs_tag_pattern: 'explained',
  action_not_enabled: 'open',
  label_fault: 'open',
  image_not_allowed: 'open',
} as const;

export type DenyReason = keyof typeof visibilityByReason;
export type Visibility = (typeof visibilityByReason)[DenyReason];

/** One thing that speaks against, in words for people, without secrets. */
export interface Finding {
  readonly reason: DenyReason;
  readonly message: string;
}

export type Decision =
  | { readonly allowed: true; readonly labelToken: LabelToken }
  | { readonly allowed: false; readonly reason: DenyReason; readonly findings: readonly Finding[] };

export type { LabelToken };

/**
 * The capability "this caller may do this action on this target". It can't be built, copied or altered outside this
 * file: the constructor wants a key that never leaves it, and the fields are private.
 */
class LabelToken {
  readonly #caller: Caller;
  readonly #request: ActionRequest;
  readonly #target: Target;
  readonly #mustMatchTag: boolean;

  constructor(
    key: symbol,
    grant: { caller: Caller; request: ActionRequest; target: Target; mustMatchTag: boolean },
  ) {
    if (key !== constructorKey) {
      throw new TypeError('Only authorize makes label tokens.');
    }
    this.#caller = grant.caller;
    this.#request = grant.request;
    this.#target = grant.target;
    this.#mustMatchTag = grant.mustMatchTag;
  }

  /** @throws TypeError when the token was not made by `authorize` */
  static redeem(token: LabelToken): LabelTokenContent {
    if (!(#caller in token)) {
      throw new TypeError('This label token was not made by authorize.');
    }
    return {
      caller: token.#caller,
      request: token.#request,
      target: token.#target,
      mustMatchTag: token.#mustMatchTag,
    };
  }
}
const constructorKey = Symbol('label token');

/** What a label token stands for. */
export interface LabelTokenContent {
  readonly caller: Caller;
  readonly request: ActionRequest;
  readonly target: Target;
  /** The tag of the image must point to the digest that came with it. */
  readonly mustMatchTag: boolean;
}

/**
 * What the token allows.
 * @throws TypeError when it was not made by `authorize`
 */
export function redeemLabelToken(token: LabelToken): LabelTokenContent {
  return LabelToken.redeem(token);
}

/** May this caller do this with this target? */
export function authorize(caller: Caller, request: ActionRequest, target: Target): Decision {
  const labels = target.labels[request.action];
  const findings = checkCaller(caller, labels, request.action);
  if (findings.length > 0) {
    return deny(findings);
  }
  if (labels.faults.length > 0) {
    return deny(
      labels.faults.map(fault => ({ reason: 'label_fault', message: `${fault.label} ${fault.message}.` })),
    );
  }
  if (!labels.isEnabled) {
    const message = `The service lacks the label swarm-utils.${request.action}.enable=true.`;
    return deny([{ reason: 'action_not_enabled', message }]);
  }
  return decideOnImage(caller, request, target);
}

/** Whether the caller is one of the target's, for any action: who may read its state and its operations. */
export function mayRead(caller: Caller, target: Target): boolean {
  return actionNames.some(action => checkCaller(caller, target.labels[action], action).length === 0);
}

/** What may be said of a denial outside. */
export function visibilityOf(reason: DenyReason): Visibility {
  return visibilityByReason[reason];
}

function deny(findings: readonly Finding[]): Decision {
  // The reason is the finding that got furthest: that of the grant which nearly allowed it.
  const order: readonly Visibility[] = ['open', 'explained', 'hidden'];
  const [first] = [...findings].sort(
    (a, b) => order.indexOf(visibilityOf(a.reason)) - order.indexOf(visibilityOf(b.reason)),
  );
  return { allowed: false, reason: first?.reason ?? 'no_grant', findings };
}

/** @returns what speaks against; nothing when the caller may */
function checkCaller(caller: Caller, labels: ActionLabels, action: string): readonly Finding[] {
  switch (caller.kind) {
    case 'admin':
    case 'schedule':
      return [];
    case 'token':
      return labels.token !== undefined && caller.token.matches(labels.token)
        ? []
        : [{ reason: 'token_mismatch', message: `This is not the token of swarm-utils.${action}.token.` }];
    case 'workload':
      return checkIdentities(caller.identities, labels, action);
    case 'delivery':
      return checkIdentities([caller.delivery.identity], labels, action, caller.delivery);
  }
}

function checkIdentities(
  identities: readonly VerifiedIdentity[],
  labels: ActionLabels,
  action: string,
  delivery?: Delivery,
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const identity of identities) {
    const grant = labels.grants.find(({ provider }) => provider === identity.provider);
    const found: Finding | undefined =
      grant === undefined
        ? {
            reason: 'no_grant',
            message: `There is no valid grant in swarm-utils.${action}.${identity.provider}.`,
          }
        : checkGrant(grant, identity, delivery);
    if (found === undefined) {
      return [];
    }
    findings.push(found);
  }
  return findings;
}

/** @returns the first thing that does not match; what a grant names and the platform did not say never matches */
function checkGrant(grant: Grant, identity: VerifiedIdentity, delivery?: Delivery): Finding | undefined {
  const name = identity.repository.toLowerCase();
  const isPackage = delivery?.event === 'package' || delivery?.event === 'registry_package';
  if (
    grant.repositories !== undefined &&
    !grant.repositories.some(pattern => matchesRepository(pattern, name))
  ) {
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
  if (delivery !== undefined && !grant.on.includes(delivery.event)) {
    return { reason: 'webhook_not_subscribed', message: `The label \`on\` does not name ${delivery.event}.` };
  }
  if (grant.environment !== undefined && grant.environment !== identity.environment) {
    return {
      reason: 'environment_mismatch',
      message: `The environment is ${say(identity.environment)}, not ${grant.environment}.`,
    };
  }
  // Package events name no ref; what stands for it is the tag pattern that authorize demands of image-allow.
  if (
    grant.refs !== undefined &&
    !isPackage &&
    !grant.refs.some(pattern => matchesRef(pattern, identity.ref))
  ) {
    return {
      reason: 'ref_mismatch',
      message: `The ref is ${say(identity.ref)}, not ${grant.refs.join(' or ')}.`,
    };
  }
  if (needsStartedBy(identity, delivery) && !grant.startedBy.includes(identity.startedBy ?? '')) {
    return {
      reason: 'event_not_allowed',
      message: `The pipeline was started by ${say(identity.startedBy)}, not by ${grant.startedBy.join(' or ')}.`,
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

/** Tokens and pipeline events must say what started the pipeline; of other events, what they are is enough. */
function needsStartedBy(identity: VerifiedIdentity, delivery: Delivery | undefined): boolean {
  return (
    identity.startedBy !== undefined ||
    delivery === undefined ||
    delivery.event === 'workflow_run' ||
    delivery.event === 'pipeline'
  );
}

function matchesRepository(pattern: string, name: string): boolean {
  return pattern.endsWith('/*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function matchesRef(pattern: string, ref: string | undefined): boolean {
  return (
    ref !== undefined && (pattern.endsWith('*') ? ref.startsWith(pattern.slice(0, -1)) : ref === pattern)
  );
}

function say(value: string | undefined): string {
  return value ?? 'not given';
}

function decideOnImage(caller: Caller, request: ActionRequest, target: Target): Decision {
  const allow = (mustMatchTag: boolean): Decision => ({
    allowed: true,
    labelToken: new LabelToken(constructorKey, { caller, request, target, mustMatchTag }),
  });
  const patterns = target.labels.update.imageAllow;
  if (caller.kind === 'admin') {
    return allow(false);
  }
  const image = request.image ?? parseImageReference(target.image);
  if (image === undefined) {
    return deny([
      { reason: 'image_not_allowed', message: 'The service runs an image that has no reference: name one.' },
    ]);
  }
  const decision = decideImage(image, target.image, patterns);
  if (!decision.allowed) {
    return deny([{ reason: 'image_not_allowed', message: decision.message }]);
  }
  const event = caller.kind === 'delivery' ? caller.delivery.event : undefined;
  if ((event === 'package' || event === 'registry_package') && !decision.byTagPattern) {
    const message = `The event ${event} names no ref, so it counts only where image-allow gives the image a tag pattern.`;
    return deny([{ reason: 'package_needs_tag_pattern', message }]);
  }
  return allow(decision.mustMatchTag);
}
