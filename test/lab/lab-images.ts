import { chmod, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type AppVersion, appConfig, appScript, appVersions } from './app-image.ts';
import { createImage, type Image } from './image.ts';
import { cachedLayer, fileInput, type ImageLayer } from './image-layer.ts';
import { LabError } from './lab-error.ts';
import { withLock } from './lock.ts';
import { dockerClient } from './packages.ts';
import { findProgram, runChecked } from './run-command.ts';

/** Every image of a lab's registries. */
export interface LabImages {
  readonly app: Readonly<Record<AppVersion, Image>>;
  /** `docker` and a shell: what helper services run. */
  readonly dockerCli: Image;
  /** A shell and a real `curl`: a CI runner's container. */
  readonly runner: Image;
}

// As the official image: the command may leave the word \`docker\` out.
const dockerCliScript = `#!/bin/sh
case \${1:-sh} in
  docker | sh | /*) exec "\${@:-sh}" ;;
  *) exec docker "$@" ;;
esac
`;

const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** Makes every image from the programs of this machine, or takes their layers from the cache. */
export function buildLabImages(onProgress: (message: string) => void): Promise<LabImages> {
  return withLock(
    'layers',
    async () => {
      const base = await busyboxLayer();
      const app = await cachedLayer('app', [appScript], folder => script(folder, 'bin/app', appScript));
      const docker = dockerClient();
      const dockerCli = await cachedLayer(
        'docker-cli',
        [await fileInput(docker), dockerCliScript],
        async folder => {
          onProgress('making the docker-cli image');
          await program(folder, docker, '/bin/docker');
          await script(folder, 'bin/docker-cli', dockerCliScript);
        },
      );
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
        dockerCli: createImage([base, dockerCli], { Entrypoint: ['docker-cli'], Cmd: ['sh'] }),
        runner: createImage([base, runner], { Cmd: ['sh'] }),
      };
    },
    onProgress,
  );
}

async function busyboxLayer(): Promise<ImageLayer> {
  const busybox = requiredProgram('busybox');
  return cachedLayer('busybox', [await fileInput(busybox)], async folder => {
    await copy(folder, busybox, '/bin/busybox');
    const applets = (await runChecked(busybox, ['--list'])).trim().split('\n');
    await Promise.all(
      applets
        .filter(applet => applet !== 'busybox')
        .map(applet => symlink('busybox', join(folder, 'bin', applet))),
    );
    for (const name of ['etc', 'root', 'tmp', 'usr/bin', 'var']) {
      await mkdir(join(folder, name), { recursive: true });
    }
    await chmod(join(folder, 'tmp'), 0o1777);
    const users = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n';
    await writeFile(join(folder, 'etc/passwd'), users);
    await writeFile(join(folder, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  });
}

/** A program with the libraries it is linked with, each where it is on this machine. */
async function program(folder: string, source: string, target: string): Promise<void> {
  await copy(folder, source, target);
  // A static program has none, and ldd says so with an error.
  const libraries = await runChecked('ldd', [source]).catch(() => '');
  for (const [path] of libraries.matchAll(/\/\S+(?= \(0x)/g)) {
    await copy(folder, path, path);
  }
}

async function script(folder: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text, { mode: 0o755 });
}

async function copy(folder: string, source: string, target: string): Promise<void> {
  await cp(source, join(folder, target), { dereference: true, recursive: true });
}

function requiredProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) {
    throw new LabError('package-missing', `${name} is needed for the lab's images and is not installed.`);
  }
  return path;
}
