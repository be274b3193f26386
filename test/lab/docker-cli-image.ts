import { copyDocker, dockerFile, type EngineHome } from './engine-programs.ts';
import type { EngineRelease } from './flavours.ts';
import { createImage, type Image, pushImage } from './image.ts';
import { cachedLayer, fileInput } from './image-layer.ts';
import { busyboxLayer, script } from './image-tree.ts';
import { withLock } from './lock.ts';
import type { RegistryClient } from './registry-client.ts';

// As the official image: the command may leave the word \`docker\` out.
const dockerCliScript = `#!/bin/sh
case \${1:-sh} in
  docker | sh | /*) exec "\${@:-sh}" ;;
  *) exec docker "$@" ;;
esac
`;

/** A shell and the Docker client of an Engine: what helper services run. The caller holds the lock of the layers. */
export async function dockerCliImage(
  home: EngineHome,
  onProgress: (message: string) => void,
): Promise<Image> {
  const inputs = [await fileInput(dockerFile(home)), dockerCliScript];
  const layer = await cachedLayer('docker-cli', inputs, async folder => {
    onProgress('making the docker-cli image');
    await copyDocker(home, folder, '/bin/docker');
    await script(folder, 'bin/docker-cli', dockerCliScript);
  });
  return createImage([await busyboxLayer(), layer], { Entrypoint: ['docker-cli'], Cmd: ['sh'] });
}

/** What the image with an Engine's client is called in the registry: `docker:cli-28`. */
export function dockerCliName(engine: EngineRelease): string {
  return `docker:cli-${engine}`;
}

/** Pushes the image with an Engine's client under its name, and answers that. */
export async function pushDockerCli(
  client: RegistryClient,
  engine: EngineRelease,
  home: EngineHome,
): Promise<string> {
  const image = await withLock('layers', () => dockerCliImage(home, () => undefined));
  const name = dockerCliName(engine);
  const [repository = '', tag = ''] = name.split(':');
  await pushImage(client, image, repository, tag);
  return name;
}
