import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import { RequestError } from '../core/errors.ts';
import { TransportError } from './errors.ts';

const MAX_JSON_BYTES = 64 * 1024;
const SMALL_BYTES = 256 * 1024;
const MAX_LARGE_BODIES = 4;
const JSON_TYPE = /^application\/json *(?:; *charset="?utf-8"? *)?$/i;

/** Reads a JSON body as raw bytes; `readJson` parses them. */
export function jsonBody(): RequestHandler {
  return async (request, _response, next) => {
    request.body = await readBody(request, MAX_JSON_BYTES);
    next();
  };
}

/** Reads the body of a request before it is answered. */
export type BodyReader = (
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
) => Promise<Buffer>;

/**
 * Reads a webhook's body as it was signed. Bodies are held in memory before anything about their sender is known. Few
 * large ones are let in at a time, so that they can't fill it; ordinary webhooks have some 30 KiB and are not held up.
 * @returns its reader throws TransportError `unsupported_media_type`; RequestError `overloaded`, `too_large`, `malformed`
 */
export function createWebhookBodyReader(): BodyReader {
  let large = 0;
  return async (request, response, maxBytes) => {
    if (!(declaredLength(request) <= SMALL_BYTES)) {
      if (large >= MAX_LARGE_BODIES) {
        throw new RequestError('overloaded', 'Too many large bodies at once. Try again.');
      }
      large += 1;
      response.once('close', () => {
        large -= 1;
      });
    }
    return readBody(request, maxBytes);
  };
}

/**
 * Reads an uncompressed JSON body. One that is too large is refused at once; what still comes of it is thrown away by
 * Node until the time-out for requests.
 * @throws TransportError `unsupported_media_type`; RequestError `too_large`, `malformed` for a sender that left
 */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  checkType(request);
  if (declaredLength(request) > maxBytes) {
    throw new RequestError('too_large', 'The declared length is too large.');
  }
  const chunks: Buffer[] = [];
  let size = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const take = (chunk: Buffer) => {
    size += chunk.length;
    chunks.push(chunk);
    if (size > maxBytes) {
      reject(new RequestError('too_large', 'The body is too large.'));
    }
  };
  request.on('data', take);
  request.on('end', resolve);
  // Both stay, for senders that leave later: then nobody hears of it any more.
  request.on('error', reject);
  request.on('close', () => {
    if (!request.complete) {
      reject(new RequestError('malformed', 'The body ended too early.'));
    }
  });
  try {
    await promise;
  } finally {
    request.off('data', take);
  }
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

function checkType(request: IncomingMessage): void {
  const { 'content-type': type, 'content-encoding': encoding = 'identity' } = request.headers;
  const hasBody = declaredLength(request) !== 0;
  if ((hasBody || type !== undefined) && !JSON_TYPE.test(type ?? '')) {
    throw new TransportError('unsupported_media_type');
  }
  if (encoding.toLowerCase() !== 'identity') {
    throw new TransportError('unsupported_media_type');
  }
}

/** Not a number for a body in chunks. */
function declaredLength(request: IncomingMessage): number {
  return request.headers['transfer-encoding'] === undefined
    ? Number(request.headers['content-length'] ?? 0)
    : Number.NaN;
}
