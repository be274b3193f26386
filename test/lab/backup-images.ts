import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createImage, type Image } from './image.ts';
import { cachedLayer, fileInput, type ImageLayer } from './image-layer.ts';
import { certificates, copy, program, requiredProgram, script } from './image-tree.ts';

/** What backup helpers run: images with the programs, names and entry points of the published ones. */
interface BackupImages {
  readonly restic: Image;
  readonly rclone: Image;
  readonly offenDouble: Image;
}

const doubleScript = join(import.meta.dirname, 'offen-double.sh');
/** The double's own tools. Not in PATH: the published image has none of them. */
const doubleFolder = '/usr/lib/offen-double';

/** Makes them from Debian's programs, or takes their layers from the cache. The caller holds the lock of the layers. */
export async function backupImages(
  base: ImageLayer,
  onProgress: (message: string) => void,
): Promise<BackupImages> {
  const layer = async (name: string, target: string) => {
    const source = requiredProgram(name);
    return cachedLayer(
      name,
      [await fileInput(source), target, await fileInput(certificates)],
      async folder => {
        onProgress(`making the ${name} image`);
        await program(folder, source, target);
        await copy(folder, certificates, certificates);
      },
    );
  };
  const restic = await layer('restic', '/usr/bin/restic');
  const rclone = await layer('rclone', '/usr/local/bin/rclone');
  const double = await doubleLayer();
  return {
    restic: createImage([base, restic], { Entrypoint: ['/usr/bin/restic'], Cmd: [] }),
    rclone: createImage([base, rclone], {
      Entrypoint: ['rclone'],
      Cmd: [],
      Env: ['XDG_CONFIG_HOME=/config'],
    }),
    offenDouble: createImage([base, double], { Entrypoint: ['/usr/bin/backup', '-foreground'], Cmd: [] }),
  };
}

async function doubleLayer(): Promise<ImageLayer> {
  const [tar, rclone] = [requiredProgram('tar'), requiredProgram('rclone')];
  const text = await readFile(doubleScript, 'utf8');
  const inputs = await Promise.all([tar, rclone, certificates].map(fileInput));
  return cachedLayer('offen-double', [text, ...inputs], async folder => {
    await mkdir(join(folder, doubleFolder), { recursive: true });
    await program(folder, tar, `${doubleFolder}/tar`);
    await program(folder, rclone, `${doubleFolder}/rclone`);
    await copy(folder, certificates, certificates);
    await script(folder, 'usr/bin/backup', text);
  });
}
