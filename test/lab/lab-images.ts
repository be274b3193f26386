import { type AppVersion, appConfig, appScript, appVersions } from './app-image.ts';
import { backupImages } from './backup-images.ts';
import { dockerCliImage } from './docker-cli-image.ts';
import type { EngineHome } from './engine-programs.ts';
import { createImage, type Image } from './image.ts';
import { cachedLayer, fileInput } from './image-layer.ts';
import { busyboxLayer, certificates, copy, program, requiredProgram, script } from './image-tree.ts';
import { withLock } from './lock.ts';
import { postgresImage } from './postgres-image.ts';

/** Every image of a lab's registries. */
export interface LabImages {
  readonly app: Readonly<Record<AppVersion, Image>>;
  /** The Docker client of the nodes' Engine and a shell: what helper services run. */
  readonly dockerCli: Image;
  /** A shell and a real `curl`: a CI runner's container. */
  readonly runner: Image;
  /** Restic, as in the published image. */
  readonly restic: Image;
  /** Rclone, as in the published image. */
  readonly rclone: Image;
  /** What stands in for offen/docker-volume-backup where that cannot be pulled. See `offen-double.sh`. */
  readonly offenDouble: Image;
  /** A PostgreSQL to dump, back up and restore. See `postgres-start.sh`. */
  readonly postgres: Image;
}

/** Makes every image from the programs of this machine and of the nodes' Engine, or takes their layers from the cache. */
export function buildLabImages(home: EngineHome, onProgress: (message: string) => void): Promise<LabImages> {
  return withLock(
    'layers',
    async () => {
      const base = await busyboxLayer();
      const app = await cachedLayer('app', [appScript], folder => script(folder, 'bin/app', appScript));
      const curl = requiredProgram('curl');
      const runner = await cachedLayer(
        'curl',
        [await fileInput(curl), await fileInput(certificates)],
        async folder => {
          onProgress('making the runner image');
          await program(folder, curl, '/bin/curl');
          await copy(folder, certificates, certificates);
        },
      );
      return {
        app: Object.fromEntries(
          appVersions.map(version => [version, createImage([base, app], appConfig(version))]),
        ) as Record<AppVersion, Image>,
        dockerCli: await dockerCliImage(home, onProgress),
        runner: createImage([base, runner], { Cmd: ['sh'] }),
        ...(await backupImages(base, onProgress)),
        postgres: await postgresImage(base, onProgress),
      };
    },
    onProgress,
  );
}
