import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { runChecked } from '../lab/run-command.ts';
import type { Bench } from './bench.ts';
import { freePort, type ServerProcess, startServer } from './server-process.ts';

export const adminToken = 'token-of-the-benchmark';
const root = join(import.meta.dirname, '..', '..');

/** The bundle as the image has it. */
export interface Bundle {
  readonly folder: string;
  readonly mainFile: string;
}

/** Builds it as `npm run build` does, and copies it: other builds in this checkout don't matter then. */
export async function buildBundle({ folder, tell }: Bench): Promise<Bundle> {
  tell('building the bundle');
  await runChecked(process.execPath, ['build.ts'], { cwd: root });
  const copy = join(folder, 'dist');
  await cp(join(root, 'dist'), copy, { recursive: true });
  return { folder: copy, mainFile: join(copy, 'main.js') };
}

/** Builds the bundle of another revision of this repository, with the npm packages that are installed here. */
export async function buildBundleOf(revision: string, { folder, tell }: Bench): Promise<Bundle> {
  tell(`building the bundle of ${revision}`);
  const tree = join(folder, 'other-revision');
  await mkdir(tree);
  const archive = join(folder, 'other-revision.tar');
  await runChecked('git', ['archive', '--output', archive, revision], { cwd: root });
  await runChecked('tar', ['--extract', '--file', archive, '--directory', tree]);
  await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
  await runChecked(process.execPath, ['build.ts'], { cwd: tree });
  const dist = join(tree, 'dist');
  return { folder: dist, mainFile: join(dist, 'main.js') };
}

/** Starts our program on the Node that runs this, as the image does. It need not be ready yet. */
export async function startSwarmUtils(
  bench: Bench,
  bundle: Bundle,
  options: { readonly name: string; readonly socketPath: string; readonly env?: Record<string, string> },
): Promise<ServerProcess> {
  const { name, socketPath, env } = options;
  const port = await freePort();
  return startServer(bench, {
    name,
    port,
    command: process.execPath,
    args: [bundle.mainFile],
    env: {
      NODE_ENV: 'production',
      SWARM_UTILS_SERVER_PORT: String(port),
      SWARM_UTILS_DATA_DIR: join(bench.folder, `data-${port}`),
      SWARM_UTILS_DOCKER_HOST: `unix://${socketPath}`,
      SWARM_UTILS_ADMIN_TOKEN_LIST: adminToken,
      ...env,
    },
  });
}
