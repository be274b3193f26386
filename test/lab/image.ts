import type { ImageLayer } from './image-layer.ts';
import { digestOf, type ImageBlob, manifestType, type RegistryClient } from './registry-client.ts';

/** Docker's HEALTHCHECK; times in nanoseconds, as the image format has them. */
export interface ImageHealthcheck {
  readonly Test: readonly string[];
  readonly Interval: number;
  readonly Timeout: number;
  readonly StartPeriod?: number;
  readonly Retries: number;
}

/** What an image says about the containers made of it, in the image format's own words. */
export interface ImageConfig {
  readonly Cmd: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Env?: readonly string[];
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Healthcheck?: ImageHealthcheck;
}

/** An image ready to be pushed: a manifest and the blobs it names. */
export interface Image {
  readonly mediaType: string;
  readonly manifest: Uint8Array<ArrayBuffer>;
  readonly blobs: readonly ImageBlob[];
}

/**
 * Puts layers and a configuration together. The same of both is the same digest, always.
 * The format: https://github.com/distribution/distribution/blob/main/docs/content/spec/manifest-v2-2.md
 */
export function createImage(layers: readonly ImageLayer[], config: ImageConfig): Image {
  const configBlob = jsonBlob({
    architecture: imageArchitecture(),
    os: 'linux',
    created: '2024-01-01T00:00:00Z',
    config: { ...config, Env: [...(config.Env ?? []), 'PATH=/usr/local/bin:/bin:/usr/bin:/sbin:/usr/sbin'] },
    rootfs: { type: 'layers', diff_ids: layers.map(layer => layer.diffId) },
    history: layers.map(() => ({ created: '2024-01-01T00:00:00Z', created_by: 'swarm-utils lab' })),
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      digest: configBlob.digest,
      size: configBlob.size,
    },
    layers: layers.map(({ digest, size }) => ({
      mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
      digest,
      size,
    })),
  };
  const layerBlobs = layers.map(({ digest, size, path }) => ({ digest, size, content: { path } }));
  return {
    mediaType: manifestType,
    manifest: jsonBytes(manifest),
    blobs: [configBlob, ...layerBlobs],
  };
}

/** Pushes an image under a tag and answers its digest. Blobs that are there already are not sent again. */
export async function pushImage(
  client: RegistryClient,
  image: Image,
  repository: string,
  tag: string,
): Promise<string> {
  await Promise.all(image.blobs.map(blob => client.putBlob(repository, blob)));
  const { mediaType, manifest } = image;
  return (await client.putManifest(repository, tag, { mediaType, bytes: manifest })).digest;
}

/** This machine's architecture in the words of images: `amd64`, `arm64`. */
export function imageArchitecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

/** A value as the bytes of a JSON file. */
export function jsonBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

function jsonBlob(value: unknown): ImageBlob {
  const content = jsonBytes(value);
  return { digest: digestOf(content), size: content.length, content };
}
