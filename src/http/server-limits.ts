import type { Server, ServerOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import { type AnswerCode, errorAnswer } from './errors.ts';
import { capConnections } from './make-room.ts';

/** Held answers count too: this many pipelines can wait at once. */
const MAX_CONNECTIONS = 512;

/**
 * Limits on receiving requests. There is none on answering: a caller may wait as long as its operation takes.
 * https://nodejs.org/docs/latest-v24.x/api/http.html#httpcreateserveroptions-requestlistener
 */
export const serverLimits: ServerOptions = {
  // More than a credential may have, so that one that is too long is refused like any other.
  maxHeaderSize: 32 * 1024,
  headersTimeout: 10_000,
  // 25 MiB in this time is 7 Mbit/s.
  requestTimeout: 30_000,
  // Longer than the proxies in front keep theirs, so that they never send into a closing connection.
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 5_000,
  // Its absence is answered like everything else that is malformed.
  requireHostHeader: false,
};

/** Caps the connections, and answers what is not even HTTP in the form of every other error. */
export function harden(server: Server): void {
  capConnections(server, MAX_CONNECTIONS);
  const answering = new WeakSet<Duplex>();
  server.prependListener('request', (request, response) => {
    answering.add(request.socket);
    response.once('close', () => answering.delete(request.socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // In the middle of an answer nothing can be put in between.
    if (error.code === 'ECONNRESET' || !socket.writable || answering.has(socket)) {
      socket.destroy();
      return;
    }
    const { status, body } = errorAnswer(codeOf(error), 'This is not a valid HTTP request.');
    const text = JSON.stringify(body);
    const head = [
      `HTTP/1.1 ${status} Refused`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(text)}`,
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
  });
}

function codeOf(error: NodeJS.ErrnoException): AnswerCode {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return 'header_too_large';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request_timeout';
    default:
      return 'malformed';
  }
}
