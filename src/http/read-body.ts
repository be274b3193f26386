import type { Request, RequestHandler } from 'express';
import { RequestError } from '../core/errors.ts';
import { TransportError } from './errors.ts';

const MAX_JSON_BYTES = 64 * 1024;
/** GitHub's own cap on a payload. https://docs.github.com/en/webhooks/webhook-events-and-payloads */
const MAX_WEBHOOK_BYTES = 25 * 1024 * 1024;
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

/**
 * Reads a webhook's body as it was signed. Bodies are held in memory before anything about their sender is known. Few
 * large ones are let in at a time, so that they can't fill it; ordinary webhooks have some 30 KiB and are not held up.
 */
export function webhookBody(): RequestHandler {
  let large = 0;
  return async (request, response, next) => {
    if (!(declaredLength(request) <= SMALL_BYTES)) {
      if (large >= MAX_LARGE_BODIES) {
        throw new TransportError('overloaded');
      }
      large += 1;
      response.once('close', () => {
        large -= 1;
      });
    }
    request.body = await readBody(request, MAX_WEBHOOK_BYTES);
    next();
  };
}

/**
 * Reads an uncompressed JSON body. One that is too large is refused at once; what still comes of it is thrown away by
 * Node until the time-out for requests.
 * @throws TransportError `unsupported_media_type`; RequestError `too_large`, `malformed` for a sender that left
 */
async function readBody(request: Request, maxBytes: number): Promise<Buffer> {
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
  const leave = () => reject(new RequestError('malformed', 'The body ended too early.'));
  request.once('close', leave);
  request.once('error', reject);
  request.once('end', () => {
    request.off('close', leave);
    resolve();
  });
  try {
    await promise;
  } finally {
    request.off('data', take);
    // Nobody else hears of a sender that leaves later.
    request.on('error', () => {});
  }
  return Buffer.concat(chunks);
}

function checkType(request: Request): void {
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
function declaredLength(request: Request): number {
  return request.headers['transfer-encoding'] === undefined
    ? Number(request.headers['content-length'] ?? 0)
    : Number.NaN;
}
