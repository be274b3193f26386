import type { Delivery, VerifiedIdentity } from '../../providers/provider.ts';
import { deepFreeze } from './deep-freeze.ts';
import { type DenyReason, type Finding, mainReason } from './denial.ts';
import { decideImage } from './image-policy.ts';
import { parseImageReference } from './image-reference.ts';
import type { ActionLabels } from './labels.ts';
import { isPackageEvent, matchGrant } from './match-grant.ts';
import {
  type ActionRequest,
  actionNames,
  type BackupRequest,
  type Caller,
  type CleanNodeRequest,
  type RestoreRequest,
  type ServiceRequest,
  type UpdateRequest,
} from './operation.ts';
import type { NodeTarget, ServiceTarget, Target } from './target.ts';

export { type DenyReason, type Finding, visibilityOf } from './denial.ts';

export type Decision =
  | { readonly allowed: true; readonly labelToken: LabelToken }
  | { readonly allowed: false; readonly reason: DenyReason; readonly findings: readonly Finding[] };

export type { LabelToken };

/** What is asked for, and the target that it is for. */
type Ask =
  | { readonly targetKind: 'service'; readonly request: ServiceRequest; readonly target: ServiceTarget }
  | { readonly targetKind: 'node'; readonly request: CleanNodeRequest; readonly target: NodeTarget };

/** What a label token stands for. Frozen, all of it. */
export type LabelTokenContent = Ask & {
  readonly caller: Caller;
  /** The tag of the image must point to the digest that came with it. */
  readonly mustMatchTag: boolean;
};

const constructorKey = Symbol('label token');
let contentOf: (token: LabelToken) => LabelTokenContent;

/**
 * The capability "this caller may do this action on this target". It can't be built, copied or altered outside this
 * file: the constructor wants a key that never leaves it, and what it holds is private and frozen.
 */
class LabelToken {
  readonly #content: LabelTokenContent;

  static {
    // Not a method: whoever has a token has its class, and could put another method there.
    contentOf = token => {
      if (!(#content in token)) {
        throw new TypeError('This label token was not made by authorize.');
      }
      return token.#content;
    };
  }

  constructor(key: symbol, content: LabelTokenContent) {
    if (key !== constructorKey) {
      throw new TypeError('Only authorize makes label tokens.');
    }
    this.#content = deepFreeze(content);
  }
}

/**
 * What the token allows.
 * @throws TypeError when it was not made by `authorize`
 */
export function redeemLabelToken(token: LabelToken): LabelTokenContent {
  return contentOf(token);
}

/**
 * May this caller do this with this target?
 * @throws TypeError when the request is for another kind of target
 */
export function authorize(caller: Caller, request: ActionRequest, target: Target): Decision {
  const ask = pair(request, target);
  const labels = labelsOf(ask);
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
    return deny([{ reason: 'action_not_enabled', message: describeDisabled(ask) }]);
  }
  if (ask.targetKind === 'service' && ask.request.action === 'update') {
    return decideOnImage(caller, ask.request, ask.target);
  }
  const refusals = ask.targetKind === 'service' ? checkParameters(caller, ask.request, ask.target) : [];
  return refusals.length > 0 ? deny(refusals) : decideOnEvent(caller, ask);
}

function pair(request: ActionRequest, target: Target): Ask {
  if (target.kind === 'service' && (request.action !== 'clean' || request.targetKind === 'service')) {
    return { targetKind: 'service', request, target };
  }
  if (target.kind === 'node' && request.action === 'clean' && request.targetKind === 'node') {
    return { targetKind: 'node', request, target };
  }
  throw new TypeError(`This request is not for a ${target.kind}.`);
}

function labelsOf(ask: Ask): ActionLabels {
  return ask.targetKind === 'service' ? ask.target.labels[ask.request.action] : ask.target.labels.clean;
}

function describeDisabled({ targetKind, request }: Ask): string {
  return targetKind === 'service'
    ? `The service lacks the label swarm-utils.${request.action}.enable=true.`
    : `The node has the label swarm-utils.${request.action}.enable=false.`;
}

/** Whether the caller is one of the target's, for any action: who may read its state and its operations. */
export function mayRead(caller: Caller, target: Target): boolean {
  if (target.kind === 'node') {
    return checkCaller(caller, target.labels.clean, 'clean').length === 0;
  }
  return actionNames.some(action => checkCaller(caller, target.labels[action], action).length === 0);
}

function deny(findings: readonly Finding[]): Decision {
  return { allowed: false, reason: mainReason(findings), findings };
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
        : matchGrant(grant, identity, delivery);
    if (found === undefined) {
      return [];
    }
    findings.push(found);
  }
  return findings;
}

function checkParameters(caller: Caller, request: ServiceRequest, target: ServiceTarget): readonly Finding[] {
  switch (request.action) {
    case 'backup':
      return checkForce(caller, request);
    case 'restore':
      return [...checkRestore(caller, request, target), ...checkForce(caller, request)];
    default:
      return [];
  }
}

/** What is said of a node that is down, and is not so, costs data. */
function checkForce(caller: Caller, { isForce = false }: BackupRequest | RestoreRequest): readonly Finding[] {
  return isForce && caller.kind !== 'admin'
    ? [{ reason: 'force_not_allowed', message: 'Only an admin can force a backup or a restore.' }]
    : [];
}

/** A volume of one name is on every node another one, and on another node perhaps somebody else's. */
function checkRestore(
  caller: Caller,
  { volume, nodeName }: RestoreRequest,
  { labels }: ServiceTarget,
): readonly Finding[] {
  const findings: Finding[] = [];
  if (volume !== undefined && !labels.backup.volumes.includes(volume)) {
    const message =
      'The label swarm-utils.backup.volume-list-upload of the service does not name this volume.';
    findings.push({ reason: 'volume_not_allowed', message });
  }
  if (nodeName !== undefined && caller.kind !== 'admin') {
    findings.push({ reason: 'node_not_allowed', message: 'Only an admin can name the node of a restore.' });
  }
  return findings;
}

/** What a package event is held against is the image that it brings, and there is none to hold it against here. */
function decideOnEvent(caller: Caller, ask: Ask): Decision {
  if (caller.kind === 'delivery' && isPackageEvent(caller.delivery)) {
    const message = `The event ${caller.delivery.event} names no ref, so it can only start an update.`;
    return deny([{ reason: 'event_not_allowed', message }]);
  }
  return allow(caller, ask, false);
}

function decideOnImage(caller: Caller, request: UpdateRequest, target: ServiceTarget): Decision {
  const ask: Ask = { targetKind: 'service', request, target };
  if (caller.kind === 'admin') {
    return allow(caller, ask, false);
  }
  const image = request.image ?? parseImageReference(target.image);
  if (image === undefined) {
    return deny([
      { reason: 'image_not_allowed', message: 'The service runs an image that has no reference: name one.' },
    ]);
  }
  const decision = decideImage(image, target.image, target.labels.update.imageAllow);
  if (!decision.allowed) {
    return deny([{ reason: 'image_not_allowed', message: decision.message }]);
  }
  if (caller.kind === 'delivery' && isPackageEvent(caller.delivery) && !decision.byTagPattern) {
    const message = `The event ${caller.delivery.event} names no ref, so it counts only where image-allow gives the image a tag pattern.`;
    return deny([{ reason: 'package_needs_tag_pattern', message }]);
  }
  return allow(caller, ask, decision.mustMatchTag);
}

function allow(caller: Caller, ask: Ask, mustMatchTag: boolean): Decision {
  return {
    allowed: true,
    labelToken: new LabelToken(constructorKey, { ...ask, caller, mustMatchTag }),
  };
}
