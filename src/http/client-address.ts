import type { IncomingMessage } from 'node:http';
import type { Express, Request } from 'express';

const MAPPED_IPV4 = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/**
 * Makes the reader of a client's address, which the failure limit counts and the log names: what Express reads behind
 * the proxies of its `trust proxy`, also where Express has not seen the request. IPv4 is
 * IPv4, also where the socket speaks IPv6.
 */
export function createClientAddress(app: Express): (request: IncomingMessage) => string {
  return ({ headers, socket }) => {
    const seen = { headers: { value: headers }, socket: { value: socket } };
    const request: Request = Object.create(app.request, seen);
    return (request.ip ?? '').replace(MAPPED_IPV4, '');
  };
}
