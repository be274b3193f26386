import { cp, link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianTreeRecipe, fillDebianTree } from './debian-tree.ts';
import { isDockerHubReachable } from './docker-hub.ts';
import { type BaseImageRecipe, baseImageRecipe } from './dockerfile.ts';
import { cachedLayer, fileInput, type ImageLayer } from './image-layer.ts';
import { LabError } from './lab-error.ts';
import { machineSettings } from './machine-settings.ts';
import { runChecked } from './run-command.ts';

type OnProgress = (message: string) => void;
type Docker = (args: readonly string[]) => Promise<string>;

const projectRoot = join(import.meta.dirname, '..', '..');
const preparedLabel = 'swarm-utils.lab.prepared';

/**
 * Sees to it that the build daemon has an image of that name: Docker Hub's, or where that cannot be reached one made
 * of Debian's packages, the pinned Node and npm. In both it is given what this machine needs to reach its package
 * registry (npm's address and certificates), so that Dockerfiles need not know.
 */
export async function prepareBaseImage(image: string, docker: Docker, onProgress: OnProgress): Promise<void> {
  const machine = await machineSettings();
  const prepared = await docker(['image', 'inspect', '--format', '{{json .Config.Labels}}', image]).catch(
    () => '{}',
  );
  if ((JSON.parse(prepared) as Record<string, string> | null)?.[preparedLabel] === machine.key) {
    return;
  }
  const context = await mkdtemp(join(tmpdir(), 'swarm-utils-lab-base-'));
  try {
    const layers: ImageLayer[] = [];
    let from = `FROM ${image}`;
    let settings: readonly string[] = [];
    if (await isDockerHubReachable()) {
      onProgress(`pulling ${image}`);
      await docker(['pull', '--quiet', image]);
    } else {
      const recipe = baseImageRecipe(image);
      layers.push(await debianLayer(recipe.suite, onProgress));
      from = 'FROM scratch';
      layers.push(
        ...(recipe.nodeVersion === undefined ? [] : [await nodeLayer(recipe.nodeVersion, onProgress)]),
      );
      settings = await officialSettings(recipe);
    }
    layers.push(machine.layer);
    onProgress(`making the base image ${image}`);
    // The cache is on another file system than /tmp on some machines; links are for where it is not.
    await Promise.all(layers.map(({ path }, index) => linkOrCopy(path, join(context, `${index}.tar.gz`))));
    const dockerfile = [
      from,
      ...layers.map((_, index) => `ADD ${index}.tar.gz /`),
      ...settings,
      ...machine.environment.map(setting => `ENV ${setting}`),
      `LABEL ${preparedLabel}=${machine.key}`,
    ];
    await writeFile(join(context, 'Dockerfile'), `${dockerfile.join('\n')}\n`);
    await docker(['build', '--network', 'host', '--quiet', '--tag', image, context]);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** What the official images have besides files, as far as Dockerfiles build on it. */
async function officialSettings({ nodeVersion }: BaseImageRecipe): Promise<string[]> {
  return nodeVersion === undefined
    ? ['CMD ["bash"]']
    : [
        `ENV NODE_VERSION=${(await pinnedNode()).version}`,
        'RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node',
        'CMD ["node"]',
      ];
}

async function debianLayer(suite: string, onProgress: OnProgress): Promise<ImageLayer> {
  return cachedLayer(`debian-${suite}`, [process.arch, await debianTreeRecipe()], async folder => {
    onProgress(
      `Docker Hub cannot be reached: making Debian ${suite} with debootstrap (once, about half a minute)`,
    );
    await fillDebianTree(suite, [], folder, onProgress);
  });
}

async function nodeLayer(nodeVersion: string, onProgress: OnProgress): Promise<ImageLayer> {
  const { path: node, version } = await pinnedNode();
  if (version !== nodeVersion && !version.startsWith(`${nodeVersion}.`)) {
    throw new LabError(
      'image-failed',
      `The base image asks for Node ${nodeVersion}; ${version} is what is pinned.`,
    );
  }
  const npm = `npm@${(await runChecked('npm', ['--version'])).trim()}`;
  return cachedLayer('node', [await fileInput(node), npm], async folder => {
    onProgress(`adding Node ${version} and ${npm}`);
    const local = join(folder, 'usr/local');
    await mkdir(join(local, 'bin'), { recursive: true });
    await cp(node, join(local, 'bin/node'));
    await symlink('node', join(local, 'bin/nodejs'));
    await runChecked('npm', ['install', '--global', '--ignore-scripts', '--prefix', local, npm], {
      cwd: folder,
    });
  });
}

/** The Node of this repository's own scripts, an npm package. */
async function pinnedNode(): Promise<{ path: string; version: string }> {
  const path = join(projectRoot, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  return { path, version: (await runChecked(path, ['--version'])).trim().slice(1) };
}

async function linkOrCopy(source: string, target: string): Promise<void> {
  await link(source, target).catch(() => cp(source, target));
}
