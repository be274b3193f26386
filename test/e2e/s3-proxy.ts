import { request as ask, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';
import type { LabS3 } from '../lab/lab-s3.ts';

/** A server before the lab's S3 that is not as that is. What it may be can be changed while it runs. */
export interface S3Proxy {
  /** `host:port`, as every node of the lab reaches it. */
  readonly host: string;
  readonly behaviour: S3Behaviour;
  /** `GET /backups/shop/restic/keys/…` of every request that was let through. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

export interface S3Behaviour {
  /** Before each answer to a GET. */
  delayMs: number;
  /** It takes what is signed for this region alone, as Amazon's S3 does. */
  region?: string;
  /** Requests that are denied: `PUT /backups/shop/`, and all that begin so. */
  denied: readonly string[];
  /** Requests that are not answered until this is changed. */
  held: readonly string[];
}

/** S3 signs the host that a client asks, and that is passed on: so its signatures hold. */
export async function startS3Proxy(lab: Lab, s3: LabS3): Promise<S3Proxy> {
  const behaviour: S3Behaviour = { delayMs: 0, denied: [], held: [] };
  const requests: string[] = [];
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request;
    const line = `${method} ${url}`;
    if (method === 'GET') {
      await sleep(behaviour.delayMs);
    }
    while (behaviour.held.some(begin => line.startsWith(begin))) {
      await sleep(50);
    }
    const refusal = refuse(request, behaviour, line);
    if (refusal !== undefined) {
      request.resume();
      response.writeHead(refusal.status, { 'Content-Type': 'application/xml' }).end(refusal.body);
      return;
    }
    requests.push(line);
    pass(s3.endpoint, request, response);
  });
  await new Promise<void>(resolve => server.listen(0, lab.hostAddress, resolve));
  return {
    host: `${lab.hostAddress}:${(server.address() as AddressInfo).port}`,
    behaviour,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

function refuse({ headers, method }: IncomingMessage, { region, denied }: S3Behaviour, line: string) {
  if (region !== undefined) {
    if (method === 'GET' && /\?location=?$/.test(line)) {
      const body = `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${region}</LocationConstraint>`;
      return { status: 200, body };
    }
    const [, signed] = /Credential=[^/]+\/\d{8}\/([^/]+)\/s3\//.exec(headers.authorization ?? '') ?? [];
    if (signed !== region) {
      const message = `The authorization header is malformed; the region '${signed}' is wrong; expecting '${region}'`;
      const code = 'AuthorizationHeaderMalformed';
      return { status: 400, body: errorBody(code, message, `<Region>${region}</Region>`) };
    }
  }
  return denied.some(begin => line.startsWith(begin))
    ? { status: 403, body: errorBody('AccessDenied', 'Access Denied') }
    : undefined;
}

function errorBody(code: string, message: string, more = ''): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`;
}

function pass(endpoint: string, request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = request;
  const { hostname, port } = new URL(endpoint);
  const upstream = ask({ hostname, port, method, path: url, headers }, answer => {
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(response);
  });
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  request.pipe(upstream);
}
