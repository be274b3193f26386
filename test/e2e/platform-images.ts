import { imageArchitecture } from '../lab/image.ts';
import type { LabRegistry } from '../lab/lab-registry.ts';
import { digestOf } from '../lab/registry-client.ts';

/** What the lab's nodes run, in the words of images. */
export const nodeArchitecture = imageArchitecture();
/** What no node of the lab is. */
export const foreignArchitecture = nodeArchitecture === 'amd64' ? 'arm64' : 'amd64';

/**
 * Makes a tag of the repository `app` an index, whose image is always the second version.
 * @param architectures of its platforms; `unknown` makes an attestation, as BuildKit adds them
 * @returns its reference
 */
export async function pushIndex(
  registry: LabRegistry,
  tag: string,
  ...architectures: readonly string[]
): Promise<string> {
  const { digest, mediaType, bytes } = (await registry.client.getManifest('app', '2')) ?? fail(tag);
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: architectures.map(architecture => ({
      ...{ mediaType, digest, size: bytes.length },
      platform: { architecture, os: architecture === 'unknown' ? 'unknown' : 'linux' },
    })),
  };
  await registry.client.putManifest('app', tag, {
    mediaType: index.mediaType,
    bytes: new TextEncoder().encode(JSON.stringify(index)),
  });
  return registry.reference(`app:${tag}`);
}

/** Makes a tag of `app` the second version as one OCI manifest, of which the Engine names no platform. */
export async function pushOciManifest(registry: LabRegistry, tag: string): Promise<string> {
  const { bytes } = (await registry.client.getManifest('app', '2')) ?? fail(tag);
  const manifest = JSON.parse(new TextDecoder().decode(bytes)) as { config: object; layers: object[] };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const oci = {
    ...manifest,
    mediaType,
    config: { ...manifest.config, mediaType: 'application/vnd.oci.image.config.v1+json' },
    layers: manifest.layers.map(layer => ({
      ...layer,
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    })),
  };
  await registry.client.putManifest('app', tag, {
    mediaType,
    bytes: new TextEncoder().encode(JSON.stringify(oci)),
  });
  return registry.reference(`app:${tag}`);
}

/** Makes a tag of `app` what a build with a cache in the registry leaves there: it has a digest and is no image. */
export async function pushBuildCache(registry: LabRegistry, tag: string): Promise<string> {
  const content = new TextEncoder().encode('{}');
  const config = {
    mediaType: 'application/vnd.buildkit.cacheconfig.v0',
    digest: digestOf(content),
    size: content.length,
  };
  await registry.client.putBlob('app', { digest: config.digest, size: config.size, content });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = { schemaVersion: 2, mediaType, config, layers: [] };
  await registry.client.putManifest('app', tag, {
    mediaType,
    bytes: new TextEncoder().encode(JSON.stringify(manifest)),
  });
  return registry.reference(`app:${tag}`);
}

function fail(tag: string): never {
  throw new Error(`The lab has no app:2 to make app:${tag} of.`);
}
