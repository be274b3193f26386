import type { Delivery, VerifiedIdentity } from '../../providers/provider.ts';
import { deepFreeze } from './deep-freeze.ts';
import { type DenyReason, type Finding, mainReason } from './denial.ts';
import { decideImage } from './image-policy.ts';
import { parseImageReference } from './image-reference.ts';
import type { ActionLabels } from './labels.ts';
import { isPackageEvent, matchGrant } from './match-grant.ts';
import { type ActionRequest, actionNames, type Caller } from './operation.ts';
import type { Target } from './target.ts';

export { type DenyReason, type Finding, visibilityOf } from './denial.ts';

export type Decision =
  | { readonly allowed: true; readonly labelToken: LabelToken }
  | { readonly allowed: false; readonly reason: DenyReason; readonly findings: readonly Finding[] };

export type { LabelToken };

/** What a label token stands for. Frozen, all of it. */
export interface LabelTokenContent {
  readonly caller: Caller;
  readonly request: ActionRequest;
  readonly target: Target;
  /** The tag of the image must point to the digest that came with it. */
  readonly mustMatchTag: boolean;
}

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

function decideOnImage(caller: Caller, request: ActionRequest, target: Target): Decision {
  const allow = (mustMatchTag: boolean): Decision => ({
    allowed: true,
    labelToken: new LabelToken(constructorKey, { caller, request, target, mustMatchTag }),
  });
  if (caller.kind === 'admin') {
    return allow(false);
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
  return allow(decision.mustMatchTag);
}
