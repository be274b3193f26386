import type { IncomingMessage } from 'node:http';
import type { Express, Request } from 'express';

/**
 * Makes the reader of a client's address, which the failure limit counts and the log names: what Express reads behind
 * the proxies of its `trust proxy`, also where Express has not seen the request.
 */
export function createClientAddress(app: Express): (request: IncomingMessage) => string {
  return ({ headers, socket }) => {
    const seen = { headers: { value: headers }, socket: { value: socket } };
    const request: Request = Object.create(app.request, seen);
    return request.ip ?? '';
  };
}
