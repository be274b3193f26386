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

/** An image the store holds under that key, or undefined. */
export async function readStoredImage(key: string): Promise<Image | undefined> {
  const text = await readFile(recordFile(key), 'utf8').catch(() => undefined);
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

/** The image stored last, whatever its key: what most layers of the next one are the same as. */
export async function readNewestImage(): Promise<Image | undefined> {
  const [newest] = await keysByAge();
  return newest === undefined ? undefined : readStoredImage(newest);
}

/** Copies an image from a registry into the store; the oldest of more than three go. */
export async function storeImage(
  client: RegistryClient,
  repository: string,
  tag: string,
  key: string,
): Promise<void> {
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
  await writeWhole(recordFile(key), JSON.stringify(record));
  await removeOld();
}

async function removeOld(): Promise<void> {
  for (const key of (await keysByAge()).slice(keptImages)) {
    await rm(recordFile(key), { force: true });
  }
  const kept = await Promise.all((await keysByAge()).map(key => readFile(recordFile(key), 'utf8')));
  for (const name of (await readdir(folder)).filter(entry => entry.startsWith('sha256-'))) {
    if (!kept.some(text => text.includes(name.replace('-', ':')))) {
      await rm(join(folder, name), { force: true });
    }
  }
}

/** Keys, the newest first. */
async function keysByAge(): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).filter(name => name.endsWith('.json'));
  const aged = await Promise.all(
    names.map(async name => ({ name, time: (await stat(join(folder, name))).mtimeMs })),
  );
  return aged.sort((a, b) => b.time - a.time).map(({ name }) => name.slice(0, -'.json'.length));
}

async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

function recordFile(key: string): string {
  return join(folder, `${key}.json`);
}

function blobFile(digest: string): string {
  return join(folder, digest.replace(':', '-'));
}
