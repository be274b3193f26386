import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { cacheRoot } from './layout.ts';
import { runChecked } from './run-command.ts';

/** One layer of an image: a compressed tar in the cache. */
export interface ImageLayer {
  /** Of the compressed bytes, as manifests name it. */
  readonly digest: string;
  /** Of the plain tar, as image configurations name it. */
  readonly diffId: string;
  readonly size: number;
  readonly path: string;
}

/**
 * The layer that `fill` makes of an empty folder. It is made once per name and inputs, then taken from the cache;
 * the same inputs give the same bytes on every machine with the same programs. One at a time: the caller holds a lock.
 * @param inputs what the content depends on: texts, and files by `fileInput`
 */
export async function cachedLayer(
  name: string,
  inputs: readonly string[],
  fill: (folder: string) => Promise<void>,
): Promise<ImageLayer> {
  const key = createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 16);
  const folder = join(cacheRoot, 'layers');
  const recordFile = join(folder, `${name}-${key}.json`);
  const path = join(folder, `${name}-${key}.tar.gz`);
  const record = await readFile(recordFile, 'utf8').catch(() => undefined);
  if (record !== undefined) {
    return { ...(JSON.parse(record) as Omit<ImageLayer, 'path'>), path };
  }

  await mkdir(folder, { recursive: true });
  const work = join(folder, `${name}.work`);
  await rm(work, { recursive: true, force: true });
  try {
    const tree = join(work, 'tree');
    await mkdir(tree, { recursive: true });
    await fill(tree);
    const layer = await pack(tree, join(work, 'layer.tar'), join(work, 'layer.tar.gz'));
    // The record comes last: where it is, the layer is whole.
    await rename(join(work, 'layer.tar.gz'), path);
    await writeFile(join(work, 'record.json'), JSON.stringify(layer));
    await rename(join(work, 'record.json'), recordFile);
    return { ...layer, path };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A file as an input of a layer: another version of it is another input. */
export async function fileInput(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return `${path} ${size} ${mtimeMs}`;
}

async function pack(tree: string, tar: string, compressed: string): Promise<Omit<ImageLayer, 'path'>> {
  const reproducible = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  await runChecked('tar', [...reproducible, '-C', tree, '-cf', tar, '.']);
  const plain = createHash('sha256');
  const packed = createHash('sha256');
  await pipeline(
    createReadStream(tar),
    observed(chunk => plain.update(chunk)),
    createGzip({ level: 4 }),
    observed(chunk => packed.update(chunk)),
    createWriteStream(compressed),
  );
  return {
    digest: `sha256:${packed.digest('hex')}`,
    diffId: `sha256:${plain.digest('hex')}`,
    size: (await stat(compressed)).size,
  };
}

function observed(observe: (chunk: Buffer) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      observe(chunk);
      done(undefined, chunk);
    },
  });
}
