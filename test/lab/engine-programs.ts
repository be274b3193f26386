import { existsSync, globSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cachedDebianTree, debianTreePath } from './debian-tree.ts';
import { type EngineRelease, engineOrigin } from './flavours.ts';
import { copy, program } from './image-tree.ts';
import { LabError } from './lab-error.ts';
import { dockerClient } from './packages.ts';
import { runChecked, runCommand } from './run-command.ts';

/** Where the programs of an Engine are: in a tree of another Debian, or, without one, on this machine. */
export interface EngineHome {
  readonly tree?: string;
}

const dockerInTree = 'usr/bin/docker';

/** Finds the programs of an Engine, or makes the tree that holds them. Throws `command-failed` where it cannot be had. */
export async function engineHome(
  engine: EngineRelease,
  onProgress: (message: string) => void,
): Promise<EngineHome> {
  const { suite, packages } = engineOrigin(engine);
  return (await presentEngineHome(engine)) ?? { tree: await cachedDebianTree(suite, packages, onProgress) };
}

/** The programs of an Engine if they are there already. */
export async function presentEngineHome(engine: EngineRelease): Promise<EngineHome | undefined> {
  const { suite, packages } = engineOrigin(engine);
  if (await isOfThisMachine(suite)) {
    return {};
  }
  const tree = await debianTreePath(suite, packages);
  return existsSync(tree) ? { tree } : undefined;
}

/** The Docker client of an Engine, as the first words of a command on this machine. Its files are this machine's. */
export function dockerCommand({ tree }: EngineHome): readonly [string, ...string[]] {
  return tree === undefined ? [dockerClient()] : treeCommand(tree, dockerInTree);
}

/** The file that an Engine's Docker client is. */
export function dockerFile({ tree }: EngineHome): string {
  return tree === undefined ? dockerClient() : join(tree, dockerInTree);
}

/** Copies an Engine's Docker client, with the libraries that it is linked with, to a path in the folder of an image. */
export async function copyDocker(home: EngineHome, folder: string, target: string): Promise<void> {
  const { tree } = home;
  if (tree === undefined) {
    return program(folder, dockerClient(), target);
  }
  const [loader, ...args] = treeCommand(tree, dockerInTree);
  const listed = await runChecked(loader, ['--list', ...args]);
  const paths = [...listed.matchAll(/ => (\/\S+) \(0x/g)].map(([, path = '']) => path);
  for (const path of new Set([loader, ...paths])) {
    if (!path.startsWith(`${tree}/`)) {
      throw new LabError('image-failed', `The Docker client of ${tree} is linked with ${path}.`);
    }
    await mkdir(dirname(join(folder, path.slice(tree.length))), { recursive: true });
    await copy(folder, path, path.slice(tree.length));
  }
  await copy(folder, dockerFile(home), target);
}

/** Runs a program of a tree with the tree's own loader and libraries, so that it need not be entered. */
function treeCommand(tree: string, path: string): readonly [string, ...string[]] {
  const [loader] = globSync(join(tree, '{lib64,lib}/ld-linux-*.so.*'));
  if (loader === undefined) {
    throw new LabError('command-failed', `${tree} has no loader for its programs.`);
  }
  const libraries = globSync(join(tree, '{usr/,}lib/*-linux-gnu*/')).join(':');
  return [loader, '--library-path', libraries, join(tree, path)];
}

/** Whether this machine's Docker is that of the release, and not one from elsewhere. */
async function isOfThisMachine(suite: string): Promise<boolean> {
  if (!existsSync('/etc/debian_version')) {
    return false;
  }
  const [release, owner] = await Promise.all([
    runCommand('sh', ['-c', '. /etc/os-release && echo "$ID $VERSION_CODENAME"']),
    runCommand('dpkg', ['--status', 'docker.io']),
  ]);
  return (
    release.stdout.trim() === `debian ${suite}` && owner.stdout.includes('\nStatus: install ok installed\n')
  );
}
