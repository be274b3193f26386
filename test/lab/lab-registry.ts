import { imageArchitecture, jsonBytes } from './image.ts';
import { LabError } from './lab-error.ts';
import type { RegistryLayout } from './layout.ts';
import { createRegistryClient, indexType, type Manifest, type RegistryClient } from './registry-client.ts';
import {
  isRegistryRunning,
  type RegistryCredentials,
  startRegistry,
  stopRegistry,
} from './registry-process.ts';

/** A real registry of the lab. Names are `repository:tag` without the registry: `shop/web:1`. */
export interface LabRegistry {
  /** `host:port`, as images name it. */
  readonly address: string;
  /** The distribution API, for what the methods below do not do. */
  readonly client: RegistryClient;
  /** `10.77.0.254:5000/shop/web:1` of `shop/web:1`. */
  reference(name: string): string;
  /** The digest of a tag. Throws `image-failed` where there is none. */
  digest(name: string): Promise<string>;
  /** Makes `target` name what `source` names, also in another repository; answers the digest. Takes milliseconds. */
  tag(source: string, target: string): Promise<string>;
  /**
   * Makes `target` an OCI index (what a multi-arch push makes) and answers its digest. `source` is its manifest
   * for this machine's architecture.
   */
  tagIndex(source: string, target: string): Promise<string>;
  /** Stops the registry at once: connections are refused until `start`. */
  stop(): Promise<void>;
  /** Starts it again with all it held. */
  start(): Promise<void>;
  isRunning(): Promise<boolean>;
}

/** The lab's registry that asks for a user name and a password. */
export interface PrivateLabRegistry extends LabRegistry, RegistryCredentials {}

/** A registry by its layout; its process need not run yet. */
export function createLabRegistry(layout: RegistryLayout, credentials?: RegistryCredentials): LabRegistry {
  const address = `${layout.host}:${layout.port}`;
  const client = createRegistryClient(address, credentials);

  async function manifestOf(name: string): Promise<Manifest> {
    const { repository, tag } = splitName(name);
    const manifest = await client.getManifest(repository, tag);
    if (!manifest) {
      throw new LabError('image-failed', `The registry ${address} has no ${name}.`);
    }
    return manifest;
  }

  /** Copies an image, or an index and its images, into another repository; blobs are mounted, not sent. */
  async function mountAll(manifest: Manifest, from: string, to: string): Promise<void> {
    const content = JSON.parse(new TextDecoder().decode(manifest.bytes)) as ManifestContent;
    const blobs = [...(content.config ? [content.config] : []), ...(content.layers ?? [])];
    await Promise.all(blobs.map(blob => client.mountBlob(to, blob.digest, from)));
    for (const { digest } of content.manifests ?? []) {
      const child = await manifestOf(`${from}@${digest}`);
      await mountAll(child, from, to);
      await client.putManifest(to, digest, child);
    }
  }

  async function ensureIn(repository: string, source: string): Promise<Manifest> {
    const manifest = await manifestOf(source);
    const from = splitName(source).repository;
    if (from !== repository) {
      await mountAll(manifest, from, repository);
    }
    return manifest;
  }

  return {
    address,
    client,
    reference: name => `${address}/${name}`,
    digest: async name => (await manifestOf(name)).digest,
    async tag(source, target) {
      const { repository, tag } = splitName(target);
      const manifest = await ensureIn(repository, source);
      return (await client.putManifest(repository, tag, manifest)).digest;
    },
    async tagIndex(source, target) {
      const { repository, tag } = splitName(target);
      const manifest = await ensureIn(repository, source);
      await client.putManifest(repository, manifest.digest, manifest);
      const index = {
        schemaVersion: 2,
        mediaType: indexType,
        manifests: [
          {
            mediaType: manifest.mediaType,
            digest: manifest.digest,
            size: manifest.bytes.length,
            platform: { architecture: imageArchitecture(), os: 'linux' },
          },
        ],
      };
      return (await client.putManifest(repository, tag, { mediaType: indexType, bytes: jsonBytes(index) }))
        .digest;
    },
    stop: () => stopRegistry(layout),
    start: () => startRegistry(layout, credentials),
    isRunning: () => isRegistryRunning(layout),
  };
}

interface Descriptor {
  readonly digest: string;
}

interface ManifestContent {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

/** `shop/web:1` and `shop/web@sha256:…` in their parts. Throws `bad-argument` for a name without either. */
function splitName(name: string): { repository: string; tag: string } {
  const parts = /^([^@:]+)(?::([^@:]+)|@(sha256:[0-9a-f]{64}))$/.exec(name);
  const [, repository, tag, digest] = parts ?? [];
  const reference = digest ?? tag;
  if (!repository || !reference) {
    throw new LabError(
      'bad-argument',
      `"${name}" is not repository:tag or repository@sha256:… (no registry in it).`,
    );
  }
  return { repository, tag: reference };
}
