import { once } from 'node:events';
import { renameSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { errorAnswer } from './errors.ts';
import { routes } from './routes.ts';
import { sendJson } from './send-json.ts';

export interface HealthSocket {
  readonly server: Server;
  /** Removes the socket, unless another program has put its own there meanwhile. */
  remove(): void;
}

/**
 * Opens a Unix socket in a folder, `health.sock`, that answers `GET /healthz` and nothing else. Only who is in the
 * container reaches it, so that nobody on the network can make a program that is well look ill.
 * @throws Error when there can't be one: in a folder that can't be written, with a path that is too long
 */
export async function openHealthSocket(folder: string): Promise<HealthSocket> {
  const path = join(folder, 'health.sock');
  // One is left by a program that was killed, or still in use by the one that this takes over from. Renamed, ours takes
  // its place at once, and the other's end can't remove it.
  const coming = `${path}.new`;
  const server = createServer(({ method, url }, response) => {
    const isHealth = (method === 'GET' || method === 'HEAD') && url === routes.healthz.path;
    const { status, body } = isHealth ? { status: 200, body: { status: 'ok' } } : errorAnswer('not_found');
    sendJson(response, status, body);
  });
  try {
    rmSync(coming, { force: true });
    server.listen(coming);
    await once(server, 'listening');
    renameSync(coming, path);
  } catch (error) {
    server.close();
    const detail = error instanceof Error ? error.message : String(error);
    throw new Error(`The socket ${path} (SWARM_UTILS_DATA_DIR) can't be opened: ${detail}`, { cause: error });
  }
  const { ino } = statSync(path);
  return {
    server,
    remove() {
      if (statSync(path, { throwIfNoEntry: false })?.ino === ino) {
        rmSync(path);
      }
    },
  };
}
