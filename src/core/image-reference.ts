/** A parsed image reference, in its full form: `docker.io/library/nginx` for `nginx`. */
export interface ImageReference {
  /** Host and port: `docker.io`, `registry.example.com:5000`. */
  readonly registry: string;
  /** Path in the registry: `library/nginx`. */
  readonly repository: string;
  /** Absent only where a digest is given. */
  readonly tag?: string;
  /** `sha256:<64 hex>` or `sha512:<128 hex>`. */
  readonly digest?: string;
}

const DEFAULT_REGISTRY = 'docker.io';
const MAX_REPOSITORY_LENGTH = 255;
/** Host, repository, tag and digest at their longest are shorter. */
const MAX_LENGTH = 1024;

// The grammar of github.com/distribution/reference and of the OCI distribution spec 1.1 ("Pulling manifests").
const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?$/;
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
/** A name of 64 hex digits is an image id to the Engine, not a repository. */
const IMAGE_ID = /^[0-9a-f]{64}$/;

/**
 * Parses what `docker pull` takes. Docker Hub's short names are completed; a reference without tag and digest means
 * `latest`.
 * @returns undefined when it is not a reference
 */
export function parseImageReference(text: string): ImageReference | undefined {
  if (text.length > MAX_LENGTH) {
    return undefined;
  }
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !DIGEST.test(digest)) {
    return undefined;
  }
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const name = parseImageName(colon < 0 ? named : named.slice(0, colon));
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (name === undefined || (tag !== undefined && !TAG.test(tag))) {
    return undefined;
  }
  const effectiveTag = tag ?? (digest === undefined ? 'latest' : undefined);
  return {
    ...name,
    ...(effectiveTag !== undefined && { tag: effectiveTag }),
    ...(digest !== undefined && { digest }),
  };
}

/** Parses a registry and repository without tag and digest. */
export function parseImageName(text: string): Pick<ImageReference, 'registry' | 'repository'> | undefined {
  if (text.length > MAX_LENGTH || IMAGE_ID.test(text)) {
    return undefined;
  }
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  // As Docker decides it: a first component is a host when it has a dot, a port or an upper-case letter.
  const hasHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const registry = hasHost ? normalizeRegistry(first) : DEFAULT_REGISTRY;
  if (!/[.:]/.test(registry) && registry !== 'localhost') {
    // `Registry/shop` is a host to Docker by its upper case alone: in lower case it would be a path on Docker Hub.
    return undefined;
  }
  const path = hasHost ? text.slice(slash + 1) : text;
  const repository = registry === DEFAULT_REGISTRY && !path.includes('/') ? `library/${path}` : path;
  if ((hasHost && !HOST.test(first)) || !PATH.test(repository) || repository.length > MAX_REPOSITORY_LENGTH) {
    return undefined;
  }
  return { registry, repository };
}

/** The reference as text, with tag and digest where it has them. */
export function formatImageReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/**
 * One spelling per registry, for comparing: lower case, no scheme, path or trailing slash, and Docker Hub's several
 * hosts as `docker.io`.
 */
export function normalizeRegistry(text: string): string {
  const [host = ''] = text
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .split('/', 1);
  return ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'].includes(host)
    ? DEFAULT_REGISTRY
    : host;
}
