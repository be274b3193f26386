import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';

/** What came of a load. */
export interface LoadResult {
  /** From the first byte sent to the last answer read, milliseconds. */
  readonly elapsedMs: number;
  /** Of each request, milliseconds. */
  readonly latenciesMs: readonly number[];
  readonly statuses: Readonly<Record<number, number>>;
}

/**
 * Sends requests that are bytes already over kept connections, each with one request at a time. It does no more than it
 * must, for on a small machine the client's work is taken from the server.
 * Rejects when an answer is none that it understands or a connection ends.
 */
export async function sendAll(
  port: number,
  requests: readonly Buffer[],
  connections: number,
): Promise<LoadResult> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => connect(port)));
  const latenciesMs: number[] = [];
  const statuses: Record<number, number> = {};
  let next = 0;
  const start = performance.now();
  await Promise.all(
    sockets.map(async socket => {
      for (let bytes = requests[next++]; bytes !== undefined; bytes = requests[next++]) {
        const sentAt = performance.now();
        const status = await exchange(socket, bytes);
        latenciesMs.push(performance.now() - sentAt);
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
    }),
  );
  const elapsedMs = performance.now() - start;
  for (const socket of sockets) {
    socket.destroy();
  }
  return { elapsedMs, latenciesMs, statuses };
}

async function connect(port: number): Promise<Socket> {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** @returns the status of the answer, which has been read to its end */
function exchange(socket: Socket, bytes: Buffer): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let received: Buffer = Buffer.alloc(0);
  const leave = () => {
    socket.off('data', take).off('error', fail).off('close', end);
  };
  const fail = (error: Error) => {
    leave();
    reject(error);
  };
  const end = () => fail(new Error('The server closed the connection.'));
  const take = (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    try {
      const answer = readAnswer(received);
      if (answer !== undefined) {
        leave();
        resolve(answer);
      }
    } catch (error) {
      fail(error as Error);
    }
  };
  socket.on('data', take).once('error', fail).once('close', end);
  socket.write(bytes);
  return promise;
}

/**
 * The status of a whole answer; undefined while there is more to come. Knows answers with a length, which is what the
 * servers here send.
 */
export function readAnswer(received: Buffer): number | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd === -1) {
    return undefined;
  }
  const head = received.toString('latin1', 0, headEnd);
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
  const length = /^content-length: *(\d+)\r?$/im.exec(head)?.[1];
  if (status === undefined || length === undefined) {
    throw new Error(`Not an answer with a length: ${head}`);
  }
  const missing = headEnd + 4 + Number(length) - received.length;
  if (missing < 0) {
    throw new Error('More came than was asked for.');
  }
  return missing === 0 ? Number(status) : undefined;
}
