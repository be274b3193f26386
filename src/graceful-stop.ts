import type { Server } from 'node:http';
import type { Log } from './log.ts';

/** How long connections may finish their answers once nothing runs any more. */
const CONNECTIONS_GRACE_MS = 5000;

/**
 * Ends the program on SIGTERM and SIGINT: with exit code 0 when `stop` is done, with 1 when it fails. A second signal
 * ends it at once, with 1.
 */
export function stopOnSignal(log: Log, stop: () => Promise<void>): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) {
        log.warn({ event: 'stop.forced', signal }, 'second signal: ending at once');
        process.exit(1);
      }
      isStopping = true;
      log.info({ event: 'stop.begin', signal }, 'stopping');
      stop().then(
        () => {
          log.info({ event: 'stop.end' }, 'stopped');
          process.exit(0);
        },
        (error: unknown) => {
          log.fatal({ event: 'stop.failed', err: error }, 'could not stop in order');
          process.exit(1);
        },
      );
    });
  }
}

/** Resolves when no connection is left: at once, or when those that are open have been cut. */
export async function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cut = setTimeout(() => server.closeAllConnections(), CONNECTIONS_GRACE_MS);
  server.close(() => resolve());
  await promise;
  clearTimeout(cut);
}

/** Resolves when the server listens on all addresses of the machine. */
export function listen(server: Server, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, () => {
    server.off('error', reject);
    resolve();
  });
  return promise;
}
