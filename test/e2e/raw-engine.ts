import { request } from 'node:http';

/** An answer of an Engine, byte by byte. */
export interface EngineAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Asks an Engine, and nothing on the way reads or writes the JSON. */
export function askEngine(
  socketPath: string,
  method: string,
  path: string,
  body?: string,
): Promise<EngineAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<EngineAnswer>();
  const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const sent = request({ socketPath, method, path, headers }, response => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}
