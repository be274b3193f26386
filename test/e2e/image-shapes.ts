import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type Docker from 'dockerode';
import { tar } from '../fixtures/tar.ts';
import { imageArchitecture, jsonBytes } from '../lab/image.ts';
import type { Lab } from '../lab/lab.ts';
import { digestOf, indexType, manifestType } from '../lab/registry-client.ts';

/** Makes images in every shape in which a node can have them, each of a few bytes. */
export interface ImageShapes {
  /** Puts a new image into the registry, and answers its digest. */
  publish(...names: readonly string[]): Promise<string>;
  /** The same as an index, with an image for another architecture and an attestation. */
  publishIndex(name: string): Promise<string>;
  /** Pulls by tag or digest: `shop:1`, `shop@sha256:…`. */
  pull(name: string): Promise<void>;
  /** Makes an image on the node alone, with a name or without. Answers its id. */
  importImage(name?: string): Promise<string>;
  /** Makes an image on top of another, without a name or with one. Answers its id. */
  build(on: string, name?: string): Promise<string>;
  /** Gives an image another name; a tag that another image has moves. */
  tag(image: string, name: string): Promise<void>;
  /** Makes a container that does not run. Answers its id. */
  create(image: string): Promise<string>;
}

const layerTar = tar([{ name: 'shared', content: 'the same in all' }]);
const layerBytes = new Uint8Array(gzipSync(layerTar));
/** Of every image of a registry here: what tells them apart is in their configuration. */
const layer = { digest: digestOf(layerBytes), size: layerBytes.length, content: layerBytes };

/** A reference in its repository and its tag or digest. */
function split(name: string): readonly [string, string] {
  const [repository = '', reference = ''] = name.split(/[:@](?=[^/]*$)/, 2);
  return [repository, name.includes('@') ? name.slice(name.indexOf('@') + 1) : reference];
}

function unique(): string {
  return randomBytes(8).toString('hex');
}

/** On one node of a lab. Images of the registry are named without it. */
export function createImageShapes(lab: Lab, engine: Docker): ImageShapes {
  const { client } = lab.registry;

  /** An image that nothing can run. */
  async function putImage(repository: string, architecture: string) {
    const config = jsonBytes({
      architecture,
      os: 'linux',
      created: '2024-01-01T00:00:00Z',
      config: { Cmd: ['none'], Labels: { unique: unique() } },
      rootfs: { type: 'layers', diff_ids: [digestOf(new Uint8Array(layerTar))] },
      history: [{ created: '2024-01-01T00:00:00Z', created_by: 'test' }],
    });
    const configBlob = { digest: digestOf(config), size: config.length, content: config };
    await Promise.all([client.putBlob(repository, layer), client.putBlob(repository, configBlob)]);
    const manifest = jsonBytes({
      schemaVersion: 2,
      mediaType: manifestType,
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        digest: configBlob.digest,
        size: configBlob.size,
      },
      layers: [
        {
          mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
          digest: layer.digest,
          size: layer.size,
        },
      ],
    });
    return { mediaType: manifestType, bytes: manifest };
  }

  return {
    async publish(first = '', ...others) {
      const [repository, tag] = split(first);
      const { digest } = await client.putManifest(
        repository,
        tag,
        await putImage(repository, imageArchitecture()),
      );
      for (const name of others) {
        await lab.registry.tag(first, name);
      }
      return digest;
    },
    async publishIndex(name) {
      const [repository, tag] = split(name);
      const describe = async (architecture: string, platform: object, annotations?: object) => {
        const manifest = await putImage(repository, architecture);
        const digest = digestOf(manifest.bytes);
        await client.putManifest(repository, digest, manifest);
        return {
          mediaType: manifestType,
          digest,
          size: manifest.bytes.length,
          platform,
          ...(annotations && { annotations }),
        };
      };
      const own = await describe(imageArchitecture(), { architecture: imageArchitecture(), os: 'linux' });
      const other = await describe('s390x', { architecture: 's390x', os: 'linux' });
      const attestation = await describe(
        'unknown',
        { architecture: 'unknown', os: 'unknown' },
        {
          'vnd.docker.reference.digest': own.digest,
          'vnd.docker.reference.type': 'attestation-manifest',
        },
      );
      const bytes = jsonBytes({
        schemaVersion: 2,
        mediaType: indexType,
        manifests: [own, other, attestation],
      });
      return (await client.putManifest(repository, tag, { mediaType: indexType, bytes })).digest;
    },
    async pull(name) {
      const stream = await engine.pull(lab.registry.reference(name));
      await new Promise<void>((resolve, reject) => {
        engine.modem.followProgress(stream, error => (error ? reject(error) : resolve()));
      });
    },
    async importImage(name) {
      const archive = Readable.from([tar([{ name: 'unique', content: unique() }])]);
      const [repo, tag] = name === undefined ? [] : split(name);
      const stream = await engine.importImage(archive as never, name === undefined ? {} : { repo, tag });
      let text = '';
      for await (const chunk of stream) {
        text += chunk;
      }
      return /sha256:[0-9a-f]{64}/.exec(text)?.[0] ?? assert.fail(text);
    },
    async build(on, name) {
      const container = await engine.createContainer({
        Image: on,
        Cmd: ['none'],
        Env: [`unique=${unique()}`],
      });
      try {
        const [repo, tag] = name === undefined ? [] : split(name);
        const { Id } = await container.commit(name === undefined ? {} : { repo, tag });
        return Id as string;
      } finally {
        await container.remove();
      }
    },
    async tag(image, name) {
      const [repo, tag] = split(name);
      await engine.getImage(image).tag({ repo, tag });
    },
    async create(image) {
      return (await engine.createContainer({ Image: image, Cmd: ['none'] })).id;
    },
  };
}
