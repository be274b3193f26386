import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { LabError } from './lab-error.ts';
import type { RegistryCredentials } from './registry-process.ts';

export const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';
export const indexType = 'application/vnd.oci.image.index.v1+json';
const acceptedTypes = [
  manifestType,
  indexType,
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
].join(', ');

/** A blob of an image, in memory or in a file. */
export interface ImageBlob {
  readonly digest: string;
  readonly size: number;
  readonly content: Uint8Array | { readonly path: string };
}

/** A manifest as the registry has it; `bytes` are what its digest is of. */
export interface Manifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The distribution API of one registry, as far as a lab needs it. Every fault is a `registry-failed`. */
export interface RegistryClient {
  /** The manifest of a tag or digest, or undefined where there is none. */
  getManifest(repository: string, reference: string): Promise<Manifest | undefined>;
  /** Stores a manifest under a tag (or its digest) and answers its digest. */
  putManifest(
    repository: string,
    reference: string,
    manifest: Omit<Manifest, 'digest'>,
  ): Promise<{ digest: string }>;
  /** Stores a blob unless it is there. */
  putBlob(repository: string, blob: ImageBlob): Promise<void>;
  /** Makes a blob of another repository one of this repository too. */
  mountBlob(repository: string, digest: string, from: string): Promise<void>;
  getBlob(repository: string, digest: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** `sha256:…` of some bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * A client of the registry at that address (`host:port`, plain HTTP).
 * The API: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export function createRegistryClient(address: string, credentials?: RegistryCredentials): RegistryClient {
  const authorization: Record<string, string> = credentials
    ? {
        authorization: `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`,
      }
    : {};

  async function call(path: string, init: RequestInit, ...expected: readonly number[]): Promise<Response> {
    const url = new URL(path, `http://${address}`);
    const response = await fetch(url, {
      ...init,
      headers: { ...authorization, ...(init.headers as Record<string, string>) },
      signal: AbortSignal.timeout(60_000),
    }).catch((cause: unknown) => {
      throw new LabError('registry-failed', `The registry ${address} cannot be reached.`, { cause });
    });
    if (!expected.includes(response.status)) {
      throw new LabError(
        'registry-failed',
        `${init.method ?? 'GET'} ${url.href} answered ${response.status}: ${await response.text()}`,
      );
    }
    return response;
  }

  const hasBlob = async (repository: string, digest: string) =>
    (await call(`/v2/${repository}/blobs/${digest}`, { method: 'HEAD' }, 200, 404)).status === 200;

  return {
    async getManifest(repository, reference) {
      const path = `/v2/${repository}/manifests/${reference}`;
      const response = await call(path, { headers: { accept: acceptedTypes } }, 200, 404);
      const bytes = new Uint8Array(await response.arrayBuffer());
      const mediaType = response.headers.get('content-type') ?? manifestType;
      return response.status === 404 ? undefined : { digest: digestOf(bytes), mediaType, bytes };
    },

    async putManifest(repository, reference, { mediaType, bytes }) {
      const headers = { 'content-type': mediaType };
      await call(`/v2/${repository}/manifests/${reference}`, { method: 'PUT', headers, body: bytes }, 201);
      return { digest: digestOf(bytes) };
    },

    async putBlob(repository, { digest, content }) {
      if (await hasBlob(repository, digest)) {
        return;
      }
      const started = await call(`/v2/${repository}/blobs/uploads/`, { method: 'POST' }, 202);
      const location = new URL(started.headers.get('location') ?? '', `http://${address}`);
      location.searchParams.set('digest', digest);
      const body =
        content instanceof Uint8Array ? new Blob([Buffer.from(content)]) : await openAsBlob(content.path);
      const headers = { 'content-type': 'application/octet-stream' };
      await call(location.href, { method: 'PUT', headers, body }, 201);
    },

    async mountBlob(repository, digest, from) {
      const query = new URLSearchParams({ mount: digest, from });
      await call(`/v2/${repository}/blobs/uploads/?${query}`, { method: 'POST' }, 201);
    },

    async getBlob(repository, digest) {
      const response = await call(`/v2/${repository}/blobs/${digest}`, {}, 200);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}
