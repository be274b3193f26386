import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { RequestError } from '../core/errors.ts';
import { TransportError } from './errors.ts';

const MAX_JSON_BYTES = 64 * 1024;
/** GitHub's own cap on a payload. https://docs.github.com/en/webhooks/webhook-events-and-payloads */
const MAX_WEBHOOK_BYTES = 25 * 1024 * 1024;
const SMALL_BYTES = 256 * 1024;
const MAX_LARGE_BODIES = 4;
const JSON_TYPE = /^application\/json *(?:; *charset="?utf-8"? *)?$/i;

/** Reads a JSON body as raw bytes; `readJson` parses them. Compressed bodies are refused. */
export function jsonBody(): RequestHandler[] {
  return [checkType, express.raw({ type: () => true, limit: MAX_JSON_BYTES, inflate: false })];
}

/** Reads a webhook's body as it was signed. */
export function webhookBody(): RequestHandler[] {
  return [
    checkType,
    limitLargeBodies(),
    express.raw({ type: () => true, limit: MAX_WEBHOOK_BYTES, inflate: false }),
  ];
}

function checkType(request: Request, _response: Response, next: NextFunction): void {
  const type = request.headers['content-type'];
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || request.headers['content-length'] !== '0';
  if (type === undefined && !hasBody) {
    next();
    return;
  }
  if (type === undefined || !JSON_TYPE.test(type)) {
    throw new TransportError('unsupported_media_type');
  }
  next();
}

/**
 * Bodies are held in memory before anything about their sender is known. Few large ones are let in at a time, so that
 * they can't fill it; ordinary webhooks have some 30 KiB and are not held up.
 */
function limitLargeBodies(): RequestHandler {
  let large = 0;
  return (request, response, next) => {
    const length = request.headers['content-length'];
    if (length !== undefined && Number(length) <= SMALL_BYTES) {
      next();
      return;
    }
    if (Number(length) > MAX_WEBHOOK_BYTES) {
      throw new RequestError('too_large', 'The body is too large.');
    }
    if (large >= MAX_LARGE_BODIES) {
      throw new TransportError('overloaded');
    }
    large += 1;
    response.once('close', () => {
      large -= 1;
    });
    next();
  };
}
