import { z } from 'zod';
import { decimalId, githubOwner, githubRepository, optional, text } from './fields.ts';
import { isSameName } from './names.ts';

const HOST = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?$/;
const PATH = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

export const packageSchema = z.object({
  name: text(255),
  package_type: text(64),
  owner: z.object({ login: githubOwner }),
  repository: optional(z.object({ id: decimalId, full_name: githubRepository })),
  package_version: optional(
    z.object({
      package_url: optional(text(1024)),
      container_metadata: optional(
        z.object({
          tag: optional(z.object({ name: optional(text(128)), digest: optional(text(128)) })),
          manifest: optional(z.object({ digest: optional(text(128)) })),
        }),
      ),
    }),
  ),
});

/** The image of a container package, or why there is none to deploy. */
export type PackageImage = { readonly reference: string } | { readonly reason: string };

/**
 * The full reference of the tagged image that was pushed. A push of two architectures is three events, of which one
 * has the tag. A package may belong to another owner than the repository that it is linked to: it counts for neither.
 */
export function readPackage(
  pkg: z.output<typeof packageSchema>,
  repository: { readonly id: string; readonly full_name: string },
): PackageImage {
  if (!isSameName(pkg.package_type, 'container')) {
    return { reason: 'The package is not a container image.' };
  }
  const [owner = ''] = repository.full_name.split('/');
  if (!isSameName(pkg.owner.login, owner)) {
    return { reason: 'The package belongs to another owner than the repository.' };
  }
  if (pkg.repository !== undefined && !isSameRepository(pkg.repository, repository)) {
    return { reason: 'The package belongs to another repository.' };
  }
  const { tag, manifest } = pkg.package_version?.container_metadata ?? {};
  if (tag?.name === undefined) {
    return { reason: 'The image has no tag: it is a part of one, or untagged.' };
  }
  const name = readName(pkg.package_version?.package_url, tag.name);
  if (
    name === undefined ||
    name.path !== `${pkg.owner.login}/${pkg.name}`.toLowerCase() ||
    !TAG.test(tag.name)
  ) {
    return { reason: 'The image reference of the package can’t be told.' };
  }
  const digest = [tag.digest, manifest?.digest].find(candidate => candidate !== undefined);
  const pinned = digest !== undefined && DIGEST.test(digest) ? `@${digest}` : '';
  return { reference: `${name.host}/${name.path}:${tag.name}${pinned}` };
}

function isSameRepository(
  one: { readonly id: string; readonly full_name: string },
  other: { readonly id: string; readonly full_name: string },
): boolean {
  return one.id === other.id && isSameName(one.full_name, other.full_name);
}

/** Host and path of `ghcr.io/acme/shop:v1`. The tag may be left out, also behind its colon; another is refused. */
function readName(
  url: string | undefined,
  tag: string,
): { readonly host: string; readonly path: string } | undefined {
  const slash = url?.indexOf('/') ?? -1;
  if (url === undefined || slash < 0) {
    return undefined;
  }
  const host = url.slice(0, slash).toLowerCase();
  const [path = '', urlTag = '', ...rest] = url.slice(slash + 1).split(':');
  const isWellFormed = HOST.test(host) && PATH.test(path.toLowerCase()) && rest.length === 0;
  return isWellFormed && (urlTag === '' || urlTag === tag) ? { host, path: path.toLowerCase() } : undefined;
}
