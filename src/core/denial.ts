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
  volume_not_allowed: 'open',
  node_not_allowed: 'open',
  force_not_allowed: 'open',
} as const;

export type DenyReason = keyof typeof visibilityByReason;
export type Visibility = (typeof visibilityByReason)[DenyReason];

/** One thing that speaks against, in words for people, without secrets. */
export interface Finding {
  readonly reason: DenyReason;
  readonly message: string;
}

/** What may be said of a denial outside. */
export function visibilityOf(reason: DenyReason): Visibility {
  return visibilityByReason[reason];
}

// From what is said openly to what is hidden: the further a grant got, the more of it is the caller's.
const visibilities: readonly Visibility[] = ['open', 'explained', 'hidden'];

/** The reason of the finding that got furthest: that of the grant which nearly allowed it. */
export function mainReason(findings: readonly Finding[]): DenyReason {
  const rank = ({ reason }: Finding) => visibilities.indexOf(visibilityOf(reason));
  const [first] = findings.toSorted((a, b) => rank(a) - rank(b));
  return first?.reason ?? 'no_grant';
}
