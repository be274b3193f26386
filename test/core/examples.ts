import type { Delivery, VerifiedIdentity } from '../../providers/provider.ts';
import { authorize, type Decision, type DenyReason } from '../../src/core/authorize.ts';
import { type ImageReference, parseImageReference } from '../../src/core/image-reference.ts';
import type { Caller, UpdateRequest } from '../../src/core/operation.ts';
import { PlainToken } from '../../src/core/plain-token.ts';
import { type ServiceTarget, serviceTarget } from '../../src/core/target.ts';

export type Labels = Readonly<Record<string, string>>;

/** The digest of nothing in particular. */
export const digestA = `sha256:${'a'.repeat(64)}`;

/** Labels of `update` by their end: `github.ref` for `swarm-utils.update.github.ref`. */
function updateLabelsOf(labels: Labels): Labels {
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [`swarm-utils.update.${key}`, value]),
  );
}

/** A service of acme/shop that may be updated by its main branch. */
export function shopTarget(
  change: { readonly labels?: Labels; readonly image?: string } = {},
): ServiceTarget {
  return serviceTarget({
    id: 'shop-id',
    name: 'shop',
    image: change.image ?? 'ghcr.io/acme/shop:1',
    labels: updateLabelsOf({
      enable: 'true',
      'github.repository': 'acme/shop',
      'github.ref': 'refs/heads/main',
      ...change.labels,
    }),
  });
}

/** A target with these labels of `update` alone. */
export function targetWith(labels: Labels, image = 'ghcr.io/acme/shop:1'): ServiceTarget {
  return serviceTarget({ id: 'shop-id', name: 'shop', image, labels: updateLabelsOf(labels) });
}

/** A push to acme/shop's main branch, as GitHub's OIDC tells it. */
export const shopIdentity = {
  provider: 'github',
  repository: 'acme/shop',
  repositoryId: '1001',
  ownerId: '10',
  ref: 'refs/heads/main',
  startedBy: 'push',
  workflow: 'acme/shop/.github/workflows/deploy.yml@refs/heads/main',
  actor: 'alice',
} as const satisfies VerifiedIdentity;

/** A push to acme/shop's main branch, as GitLab's OIDC tells it. */
export const gitlabIdentity = {
  provider: 'gitlab',
  repository: 'acme/shop',
  repositoryId: '2002',
  ref: 'refs/heads/main',
  startedBy: 'push',
  refProtected: true,
} as const satisfies VerifiedIdentity;

/** What a webhook of one repository proves: its path, and nothing but a claim of its id. */
export const shopWebhookIdentity = {
  provider: 'github',
  repository: 'acme/shop',
  claimedRepositoryId: '1001',
  ref: 'refs/heads/main',
} as const satisfies VerifiedIdentity;

export const workload = (...identities: [VerifiedIdentity, ...VerifiedIdentity[]]): Caller => ({
  kind: 'workload',
  identities,
});

export function deliveryCaller(delivery: Partial<Delivery> = {}): Caller {
  return { kind: 'delivery', delivery: deliveryOf(delivery) };
}

export function deliveryOf(delivery: Partial<Delivery> = {}): Delivery {
  return {
    kind: 'delivery',
    event: 'push',
    identity: shopWebhookIdentity,
    replayKey: 'replay-key',
    ...delivery,
  };
}

export const tokenCaller = (text: string): Caller => ({ kind: 'token', token: new PlainToken(text) });

export function image(text: string): ImageReference {
  const reference = parseImageReference(text);
  if (reference === undefined) {
    throw new RangeError(`${text} is no image reference.`);
  }
  return reference;
}

export function updateTo(reference?: string, isForce = false): UpdateRequest {
  return { action: 'update', isForce, ...(reference !== undefined && { image: image(reference) }) };
}

/** The object without one of its fields. */
export function without<T extends object, K extends keyof T>(object: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = object;
  return rest;
}

/** What `authorize` says of a caller who asks for the running reference anew. */
export function answer(
  caller: Caller,
  target: ServiceTarget = shopTarget(),
  request: UpdateRequest = updateTo(),
): 'allowed' | DenyReason {
  return answerOf(authorize(caller, request, target));
}

function answerOf(decision: Decision): 'allowed' | DenyReason {
  return decision.allowed ? 'allowed' : decision.reason;
}
