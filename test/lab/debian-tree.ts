import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot } from './layout.ts';
import { withLock } from './lock.ts';
import { baseImagePrograms, installPackages } from './packages.ts';
import { runChecked, runCommand } from './run-command.ts';

type OnProgress = (message: string) => void;

const treeScript = join(import.meta.dirname, 'debian-tree.sh');

/** What a tree depends on besides its release and packages. */
export async function debianTreeRecipe(): Promise<string> {
  return readFile(treeScript, 'utf8');
}

/** Fills an empty folder with a minimal Debian and the packages. Throws `command-failed` with debootstrap's last words. */
export async function fillDebianTree(
  suite: string,
  packages: readonly string[],
  folder: string,
  onProgress: OnProgress,
): Promise<void> {
  await installPackages(baseImagePrograms, onProgress);
  const { stdout: targets } = await runCommand('apt-get', [
    ...['indextargets', '--format', '$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(SITE)', 'Created-By: Packages'],
  ]);
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const args = [suite, folder, debianMirror(targets) ?? '', packages.join(',')];
  await runChecked('unshare', [...namespaces, 'sh', treeScript, ...args], { timeoutMs: 600_000 });
}

/** Where the tree of a Debian is once it is made; there it is whole, or not at all. */
export async function debianTreePath(suite: string, packages: readonly string[]): Promise<string> {
  const inputs = JSON.stringify([suite, process.arch, packages, await debianTreeRecipe()]);
  const key = createHash('sha256').update(inputs).digest('hex').slice(0, 16);
  return join(cacheRoot, 'trees', `${suite}-${key}`);
}

/**
 * The folder of a Debian with the packages in it. It is made once (half a minute to two) and then taken from the cache;
 * nobody may write to it. Throws `command-failed` where it cannot be made: no mirror, a package that the release lacks.
 */
export async function cachedDebianTree(
  suite: string,
  packages: readonly string[],
  onProgress: OnProgress,
): Promise<string> {
  const path = await debianTreePath(suite, packages);
  if (existsSync(path)) {
    return path;
  }
  return withLock(
    `tree-${suite}`,
    async () => {
      if (!existsSync(path)) {
        onProgress(`making Debian ${suite} with debootstrap (once, a minute or two)`);
        await makeWhole(path, folder => fillDebianTree(suite, packages, folder, onProgress));
        onProgress(`made Debian ${suite}`);
      }
      return path;
    },
    onProgress,
  );
}

/**
 * The mirror that this machine has its own Debian from: the first of `apt-get indextargets` (lines of
 * `ORIGIN|RELEASE|COMPONENT|SITE`) that is no part of a release, as its security updates are. Undefined where there is
 * none, as on other systems than Debian; debootstrap then has its own.
 */
export function debianMirror(indexTargets: string): string | undefined {
  return indexTargets
    .split('\n')
    .map(line => line.split('|'))
    .find(
      ([origin, release = '', component, site = '']) =>
        origin === 'Debian' && component === 'main' && !release.includes('-') && /^https?:/.test(site),
    )?.[3];
}

async function makeWhole(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const work = `${path}.work`;
  await rm(work, { recursive: true, force: true });
  try {
    await mkdir(work, { recursive: true });
    await fill(work);
    await rename(work, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
