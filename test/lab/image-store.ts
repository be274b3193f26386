import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image } from './image.ts';
import { LabError } from './lab-error.ts';
import { cacheRoot } from './layout.ts';
import type { ImageBlob, RegistryClient } from './registry-client.ts';

const folder = join(cacheRoot, 'images');
const keptImages = 3;

/** What an image's manifest names, as the store keeps it. */
interface StoredImage {
  readonly mediaType: string;
  readonly manifest: string;
  readonly blobs: readonly { readonly digest: string; readonly size: number }[];
}

/** The image of a repository that was stored under that tag, or undefined. */
export async function readStoredImage(repository: string, tag: string): Promise<Image | undefined> {
  return readRecord(recordName(repository, tag));
}

/** The image of a repository that was stored last: what most layers of the next one are the same as. */
export async function readNewestImage(repository: string): Promise<Image | undefined> {
  const [newest] = await recordsByAge(repository);
  return newest === undefined ? undefined : readRecord(newest);
}

async function readRecord(name: string): Promise<Image | undefined> {
  const text = await readFile(join(folder, name), 'utf8').catch(() => undefined);
  if (text === undefined) {
    return undefined;
  }
  const { mediaType, manifest, blobs } = JSON.parse(text) as StoredImage;
  return {
    mediaType,
    manifest: new TextEncoder().encode(manifest),
    blobs: blobs.map(({ digest, size }) => ({ digest, size, content: { path: blobFile(digest) } })),
  };
}

/** Copies an image from a registry into the store; the oldest of more than three of its repository go. */
export async function storeImage(client: RegistryClient, repository: string, tag: string): Promise<void> {
  const manifest = await client.getManifest(repository, tag);
  if (!manifest) {
    throw new LabError('image-failed', `${repository}:${tag} was pushed and is not there.`);
  }
  const text = new TextDecoder().decode(manifest.bytes);
  const { config, layers } = JSON.parse(text) as { config: ImageBlob; layers: readonly ImageBlob[] };
  const blobs = [config, ...layers].map(({ digest, size }) => ({ digest, size }));
  await mkdir(folder, { recursive: true });
  for (const { digest, size } of blobs) {
    const path = blobFile(digest);
    if ((await stat(path).catch(() => undefined))?.size !== size) {
      await writeWhole(path, await client.getBlob(repository, digest));
    }
  }
  const record: StoredImage = { mediaType: manifest.mediaType, manifest: text, blobs };
  await writeWhole(join(folder, recordName(repository, tag)), JSON.stringify(record));
  await removeOld(repository);
}

async function removeOld(repository: string): Promise<void> {
  for (const name of (await recordsByAge(repository)).slice(keptImages)) {
    await rm(join(folder, name), { force: true });
  }
  const names = await readdir(folder);
  const isRecord = (name: string) => name.endsWith('.json');
  const records = await Promise.all(names.filter(isRecord).map(name => readFile(join(folder, name), 'utf8')));
  for (const name of names.filter(entry => !isRecord(entry))) {
    if (!records.some(record => record.includes(name.replace('-', ':')))) {
      await rm(join(folder, name), { force: true });
    }
  }
}

/** The records of a repository's images, the newest first. */
async function recordsByAge(repository: string): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).filter(name =>
    name.startsWith(recordName(repository, '')),
  );
  const aged = await Promise.all(
    names.map(async name => ({ name, time: (await stat(join(folder, name))).mtimeMs })),
  );
  return aged.sort((a, b) => b.time - a.time).map(({ name }) => name);
}

async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

function recordName(repository: string, tag: string): string {
  const prefix = `${repository.replaceAll('/', '_')}@`;
  return tag === '' ? prefix : `${prefix}${tag}.json`;
}

function blobFile(digest: string): string {
  return join(folder, digest.replace(':', '-'));
}
