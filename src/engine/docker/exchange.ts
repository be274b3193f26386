import http, { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import Docker from 'dockerode';
import { CallFault, type CallFaultKind } from './call-fault.ts';
import type { EngineConnection } from './connection.ts';

export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  /** JSON of a POST. */
  readonly body?: object;
  /** For a registry; goes into a header. `{}` is no login, and undefined is no header. */
  readonly login?: object | undefined;
  /** Until the whole answer is there, milliseconds. */
  readonly timeoutMs: number;
  /** Of the answer's body. */
  readonly maxBytes: number;
}

export interface EngineAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Of what is too large, a little more than `maxBytes`. */
  readonly body: Buffer;
  /** Why no more came. Absent where the body is whole. */
  readonly fault?: CallFault;
}

/**
 * One request and its answer, whatever its status. It always ends, within its time, and then nothing of it is left open.
 * Rejects with a CallFault where not even the head of an answer came.
 */
export type Exchange = (request: EngineRequest) => Promise<EngineAnswer>;

/** What of docker-modem is used. `dial` makes path, query, headers and body of a request and hands them to `buildRequest`. */
interface Modem {
  readonly protocol: string;
  dial(call: object, callback: (error: unknown) => void): void;
  buildRequest(options: http.RequestOptions, call: { readonly begin: Begin }, body: string | undefined): void;
}
type Begin = (options: http.RequestOptions, body: string | undefined) => void;

/**
 * Requests are written by docker-modem and sent from here: its own way of sending never ends where an answer breaks off,
 * reads answers of any size, takes any bytes for JSON, and follows redirects to other hosts, which ends this process where
 * they can't be reached.
 */
export function createExchange(connection: EngineConnection): Exchange {
  const modem = new Docker(readConnection(connection)).modem as unknown as Modem;
  modem.buildRequest = (options, { begin }, body) => begin(options, body);
  const { request: open } = modem.protocol === 'https' ? https : http;

  return request => {
    const { method, path, query = {}, body, login } = request;
    const { promise, resolve, reject } = Promise.withResolvers<EngineAnswer>();
    const receiver = createReceiver(request, resolve, reject);
    const begin: Begin = (options, text) => {
      try {
        receiver.send(() => open(options), text);
      } catch (error) {
        receiver.fail('refused', error);
      }
    };
    const options = body === undefined ? { _query: query } : { _query: query, _body: body };
    modem.dial({ method, path: `${path}?`, options, authconfig: login, begin }, error =>
      receiver.fail('refused', error),
    );
    return promise;
  };
}

/** Ends once: with the answer, or with what is there of it when the time is over or the connection ends. */
function createReceiver(
  { method, path, timeoutMs, maxBytes }: EngineRequest,
  resolve: (answer: EngineAnswer) => void,
  reject: (fault: CallFault) => void,
) {
  const chunks: Buffer[] = [];
  let size = 0;
  let sent: ClientRequest | undefined;
  let head: IncomingMessage | undefined;
  let isConnected = false;
  let isOver = false;

  function end(fault?: CallFault): void {
    if (isOver) {
      return;
    }
    isOver = true;
    clearTimeout(timer);
    if (fault !== undefined) {
      sent?.destroy();
    }
    if (head !== undefined) {
      const { statusCode: status = 0, headers } = head;
      resolve({ status, headers, body: Buffer.concat(chunks), ...(fault !== undefined && { fault }) });
    } else if (fault !== undefined) {
      reject(fault);
    }
  }

  function fail(kind: CallFaultKind, cause: unknown): void {
    const detail = cause instanceof Error ? cause.message : String(cause);
    end(new CallFault(kind, `${method} ${path}: ${detail}`, { cause }));
  }

  const broken = (cause: unknown) => fail(isConnected ? 'broken' : 'refused', cause);
  const timer = setTimeout(() => fail('timed_out', `no whole answer within ${timeoutMs} ms`), timeoutMs);

  function receive(response: IncomingMessage): void {
    head = response;
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) {
        fail('too_large', `the answer has more than ${maxBytes} bytes`);
      }
    });
    response.on('end', () => (response.complete ? end() : broken('the answer broke off')));
    response.on('error', broken);
    response.on('close', () => broken('the answer broke off'));
  }

  return {
    fail,
    send(open: () => ClientRequest, text: string | undefined): void {
      if (isOver) {
        return;
      }
      const request = open();
      sent = request;
      request.on('socket', socket => {
        const connected = () => {
          isConnected = true;
        };
        if (socket.connecting) {
          socket.once('connect', connected);
        } else {
          connected();
        }
      });
      request.on('response', receive);
      request.on('error', broken);
      request.on('close', () => broken('the connection ended without an answer'));
      request.end(text);
    },
  };
}

function readConnection({ host, tls }: EngineConnection): Docker.DockerOptions {
  const url = new URL(host);
  // Whatever is not given here would be taken from DOCKER_HOST and DOCKER_CERT_PATH.
  const none = { host: undefined, port: undefined, ca: undefined, cert: undefined, key: undefined };
  return (
    url.protocol === 'unix:'
      ? { ...none, socketPath: decodeURIComponent(url.pathname) }
      : {
          ...none,
          ...tls,
          host: url.hostname,
          port: url.port || (tls?.ca === undefined ? 2375 : 2376),
          protocol: tls?.ca === undefined ? 'http' : 'https',
        }
  ) as Docker.DockerOptions;
}
