import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { packageSchema, readPackage } from '../../providers/github-package.ts';
import { githubDigest, githubPackage } from '../fixtures/github-payloads.ts';

const repository = { id: '456789', full_name: 'acme/shop' };

interface Changes {
  readonly package?: Record<string, unknown>;
  readonly version?: Record<string, unknown>;
  readonly container?: Record<string, unknown> | null;
}

function readImage({ package: pkg, version, container }: Changes = {}): string {
  const payload = githubPackage('package').package as { package_version: { container_metadata: object } };
  const changed = {
    ...payload,
    package_version: {
      ...payload.package_version,
      container_metadata:
        container === null ? null : { ...payload.package_version.container_metadata, ...container },
      ...version,
    },
    ...pkg,
  };
  const image = readPackage(packageSchema.parse(changed), repository);
  return 'reason' in image ? image.reason : image.reference;
}

const full = `ghcr.io/acme/shop:v1.2.3@${githubDigest}`;
const cannotBeTold = 'The image reference of the package can’t be told.';
const noTag = 'The image has no tag: it is a part of one, or untagged.';

describe('the image of a package', () => {
  for (const [what, changes, expected] of [
    ['as it comes', {}, full],
    ['in lower case, as registries want it', { version: { package_url: 'ghcr.io/Acme/Shop:v1.2.3' } }, full],
    ['of a URL that ends in a colon', { version: { package_url: 'ghcr.io/acme/shop:' } }, full],
    ['of a URL without a tag', { version: { package_url: 'ghcr.io/acme/shop' } }, full],
    [
      'in a deeper path',
      { package: { name: 'shop/api' }, version: { package_url: 'ghcr.io/acme/shop/api:v1.2.3' } },
      `ghcr.io/acme/shop/api:v1.2.3@${githubDigest}`,
    ],
    [
      'in the registry of an Enterprise Server',
      { version: { package_url: 'containers.github.example:8443/acme/shop:v1.2.3' } },
      `containers.github.example:8443/acme/shop:v1.2.3@${githubDigest}`,
    ],
    [
      'with the digest of the manifest where the tag has none',
      { container: { tag: { name: 'v1.2.3', digest: '' } } },
      full,
    ],
    [
      'without a digest where there is none',
      { container: { tag: { name: 'v1.2.3' }, manifest: null } },
      'ghcr.io/acme/shop:v1.2.3',
    ],
    [
      'without a digest that is none',
      { container: { tag: { name: 'v1.2.3', digest: 'sha256:6c62fb45fe66bfb1ea9a66abc38f6a0cc974292b' } } },
      'ghcr.io/acme/shop:v1.2.3',
    ],
    [
      'of another package type',
      { package: { package_type: 'npm' } },
      'The package is not a container image.',
    ],
    ['without a tag name', { container: { tag: { name: '', digest: githubDigest } } }, noTag],
    ['without a tag', { container: { tag: null } }, noTag],
    ['without metadata', { container: null }, noTag],
    ['without a version', { package: { package_version: null } }, noTag],
    [
      'of another owner',
      { package: { owner: { login: 'mallory' } } },
      'The package belongs to another owner than the repository.',
    ],
    [
      'of another repository',
      { package: { repository: { id: 1, full_name: 'acme/shop' } } },
      'The package belongs to another repository.',
    ],
    [
      'of a repository with another name',
      { package: { repository: { id: 456789, full_name: 'acme/other' } } },
      'The package belongs to another repository.',
    ],
    ['of this repository', { package: { repository: { id: 456789, full_name: 'Acme/Shop' } } }, full],
    ['without a URL', { version: { package_url: '' } }, cannotBeTold],
    ['of a URL without a host', { version: { package_url: 'shop:v1.2.3' } }, cannotBeTold],
    [
      'of another name than the URL’s',
      { version: { package_url: 'ghcr.io/acme/other:v1.2.3' } },
      cannotBeTold,
    ],
    [
      'of another owner than the URL’s',
      { version: { package_url: 'ghcr.io/mallory/shop:v1.2.3' } },
      cannotBeTold,
    ],
    ['of another tag than the URL’s', { version: { package_url: 'ghcr.io/acme/shop:v2' } }, cannotBeTold],
    [
      'of a URL with a scheme',
      { version: { package_url: 'https://ghcr.io/acme/shop:v1.2.3' } },
      cannotBeTold,
    ],
    ['of a URL with a user', { version: { package_url: 'me@ghcr.io/acme/shop:v1.2.3' } }, cannotBeTold],
    [
      'of a URL with a digest',
      { version: { package_url: `ghcr.io/acme/shop@${githubDigest}` } },
      cannotBeTold,
    ],
    ['of a URL with two tags', { version: { package_url: 'ghcr.io/acme/shop:v1.2.3:x' } }, cannotBeTold],
    ['with a tag that is none', { container: { tag: { name: '-v1' } } }, cannotBeTold],
    [
      'with a name that is none',
      { package: { name: 'shop; rm -rf' }, version: { package_url: 'ghcr.io/acme/shop; rm -rf:v1.2.3' } },
      cannotBeTold,
    ],
  ] as const satisfies readonly (readonly [string, Changes, string])[]) {
    test(what, () => assert.equal(readImage(changes), expected));
  }
});
