import { cp } from 'node:fs/promises';
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
