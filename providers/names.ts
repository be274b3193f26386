const GITHUB_OWNER = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9_])?$/;
const SEGMENT = /^[A-Za-z0-9_.-]{1,255}$/;
const MAX_PATH_LENGTH = 1024;
/** GitLab nests groups 20 deep. */
const MAX_SEGMENTS = 25;
// What git-check-ref-format(1) forbids, and everything that is not meant to be seen.
const REF_NAME = /^(?!.*(?:\.\.|\/\/|@\{|\/\.))(?![./])[^\s\p{Cc}\p{Cs}\p{Cf}~^:?*[\\]{1,1024}(?<![./])$/u;

/** `owner/name`. */
export function isGithubRepository(text: string): boolean {
  const [owner, name, ...rest] = text.split('/');
  return (
    owner !== undefined && name !== undefined && rest.length === 0 && isGithubOwner(owner) && isSegment(name)
  );
}

/** Login of a user or an organisation (enterprise-managed ones have an underscore). */
export function isGithubOwner(text: string): boolean {
  return GITHUB_OWNER.test(text);
}

/** Full path of a GitLab project or group: `group`, `group/project`, `group/subgroup/project`. */
export function isGitlabPath(text: string): boolean {
  const segments = text.length <= MAX_PATH_LENGTH ? text.split('/') : [];
  return segments.length > 0 && segments.length <= MAX_SEGMENTS && segments.every(isSegment);
}

/** Full path of a GitLab project: at least a namespace and a name. */
export function isGitlabProject(text: string): boolean {
  return text.includes('/') && isGitlabPath(text);
}

/** The path itself and its groups, the longest first. */
export function pathAndGroups(path: string): readonly string[] {
  const segments = path.split('/');
  return segments.map((_, index) => segments.slice(0, segments.length - index).join('/'));
}

/** The name of a branch or tag without `refs/heads/` and `refs/tags/`. */
export function isRefName(text: string): boolean {
  return REF_NAME.test(text);
}

/**
 * The full ref of what a platform names by its bare name.
 * @returns undefined for a name that is a full ref of its own, since which of both it means can't be told, and for
 *   one that is odd: a webhook must not fail for what somebody may have called a branch
 */
export function fullRef(kind: 'heads' | 'tags', name: string | undefined): string | undefined {
  return name === undefined || name.startsWith('refs/') || !isRefName(name)
    ? undefined
    : `refs/${kind}/${name}`;
}

/** A full ref taken apart; neither part for refs that are neither a branch nor a tag. */
export function branchOrTag(ref: string | undefined): { readonly branch?: string; readonly tag?: string } {
  if (ref?.startsWith('refs/heads/')) {
    return { branch: ref.slice('refs/heads/'.length) };
  }
  return ref?.startsWith('refs/tags/') ? { tag: ref.slice('refs/tags/'.length) } : {};
}

/** Whether it is the full ref of a branch or a tag whose name is not odd. */
export function isBranchOrTag(ref: string): boolean {
  return Object.keys(branchOrTag(ref)).length > 0 && isRefName(ref);
}

/** Names of platforms are the same in upper and lower case. */
export function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function isSegment(text: string): boolean {
  return SEGMENT.test(text) && text !== '.' && text !== '..';
}
