import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';
import { runChecked } from '../lab/run-command.ts';

/** Registries that fail, each in its own way. */
export interface FaultyRegistries {
  /** An image of each. */
  readonly images: Readonly<Record<FaultyName, string>>;
  close(): Promise<void>;
}

const names = [
  'refusing',
  'nameless',
  'silent',
  'selfSigned',
  'misnamed',
  'brokenTls',
  'otherCiphers',
  'plainHttp',
  'rateLimited',
  'failing',
  'webPage',
  'unknownManifest',
  'unknownName',
  'basicLogin',
  'bearerLogin',
  'deniedToken',
  'denied',
  'deniedAsUnknown',
  'unauthorizedAsUnknown',
] as const;
export type FaultyName = (typeof names)[number];

/**
 * Starts them. Those that speak TLS have an address that no node takes for insecure, unlike the lab's own.
 */
export async function startFaultyRegistries(lab: Lab): Promise<FaultyRegistries> {
  const outside = `10.190.${lab.instance}.254`;
  const link = `swlab${lab.instance}`;
  await runChecked('ip', ['address', 'replace', `${outside}/32`, 'dev', link]);
  const way = ['route', 'replace', `${outside}/32`, 'via', lab.hostAddress];
  await runChecked('ip', ['-netns', `swarm-lab-${lab.instance}-${lab.manager.name}`, ...way]);
  const folder = await mkdtemp(join(tmpdir(), 'swarm-utils-registries-'));
  const servers: TcpServer[] = [];
  const sockets = new Set<Socket>();
  const listen = async (server: TcpServer, host: string) => {
    servers.push(server);
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket)).on('error', () => undefined);
    });
    server.listen(0, host);
    await once(server, 'listening');
    return `${host}:${(server.address() as AddressInfo).port}`;
  };
  const http = (listener: RequestListener, host = lab.hostAddress) => listen(createServer(listener), host);
  const tls = (options: ServerOptions, host = outside) =>
    listen(createTlsServer(options, answer(404, errorBody('MANIFEST_UNKNOWN', 'manifest unknown'))), host);
  const certificate = (name: string, ...args: readonly string[]) => makeCertificate(folder, name, args);

  const closed = createTcpServer();
  const refusing = await listen(closed, lab.hostAddress);
  await closeServer(closed);
  const nameServer = createSocket('udp4', (query, { port, address }) => {
    nameServer.send(noSuchName(query), port, address);
  });
  nameServer.bind(53, lab.hostAddress);
  await once(nameServer, 'listening');

  const addresses: Record<FaultyName, string> = {
    refusing,
    nameless: 'registry.nowhere.test',
    silent: await listen(createTcpServer(), lab.hostAddress),
    selfSigned: await tls(await certificate('self', '-addext', `subjectAltName=IP:${outside}`)),
    misnamed: await tls(await certificate('misnamed', '-addext', 'subjectAltName=DNS:elsewhere.test')),
    brokenTls: await listen(
      createTcpServer(socket => socket.once('data', () => socket.destroy())),
      outside,
    ),
    otherCiphers: await tls({
      ...(await certificate('rsa')),
      ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256',
      maxVersion: 'TLSv1.2',
    }),
    plainHttp: await http(answer(404, ''), outside),
    rateLimited: await http(
      answer(429, errorBody('TOOMANYREQUESTS', 'You have reached your pull rate limit.')),
    ),
    failing: await http(answer(500, errorBody('UNKNOWN', 'unknown error'))),
    webPage: await http(
      answer(404, '<html><body>404 page not found</body></html>', { 'content-type': 'text/html' }),
    ),
    unknownManifest: await http(answer(404, errorBody('MANIFEST_UNKNOWN', 'manifest unknown'))),
    unknownName: await http(answer(404, errorBody('NAME_UNKNOWN', 'repository name not known to registry'))),
    basicLogin: await http(
      answer(401, errorBody('UNAUTHORIZED', 'authentication required'), {
        'www-authenticate': 'Basic realm="r"',
      }),
    ),
    bearerLogin: '',
    deniedToken: '',
    denied: await http(answer(403, errorBody('DENIED', 'requested access to the resource is denied'))),
    deniedAsUnknown: await http(answer(403, errorBody('UNKNOWN', 'Authentication is required'))),
    unauthorizedAsUnknown: await http(
      answer(401, errorBody('UNKNOWN', 'Authentication is required'), {
        'www-authenticate': 'Basic realm="r"',
      }),
    ),
  };
  const bearer = (host: string, tokenStatus: number) =>
    http((request, response) => {
      if (request.url?.startsWith('/token')) {
        answer(
          tokenStatus,
          tokenStatus === 200 ? '{"token":"x"}' : '{"details":"incorrect username or password"}',
        )(request, response);
        return;
      }
      const realm = `Bearer realm="http://${request.headers.host}/token",service="r",scope="repository:acme/shop:pull"`;
      answer(401, errorBody('UNAUTHORIZED', 'authentication required'), { 'www-authenticate': realm })(
        request,
        response,
      );
    }, host);
  addresses.bearerLogin = await bearer(lab.hostAddress, 200);
  addresses.deniedToken = await bearer(lab.hostAddress, 401);

  return {
    images: Object.fromEntries(names.map(name => [name, `${addresses[name]}/acme/shop:v1`])) as Record<
      FaultyName,
      string
    >,
    async close() {
      nameServer.close();
      for (const socket of sockets) {
        socket.destroy();
      }
      await Promise.all(servers.filter(server => server !== closed).map(closeServer));
      await runChecked('ip', ['address', 'delete', `${outside}/32`, 'dev', link]);
      await rm(folder, { recursive: true });
    },
  };
}

function answer(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): RequestListener {
  return (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    // A manifest is asked for by HEAD first.
    response.end(request.method === 'HEAD' ? undefined : body);
  };
}

function errorBody(code: string, message: string): string {
  return JSON.stringify({ errors: [{ code, message }] });
}

async function closeServer(server: TcpServer): Promise<void> {
  await new Promise<void>(resolve => server.close(() => resolve()));
}

async function makeCertificate(folder: string, name: string, args: readonly string[]) {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  await runChecked('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-days', '2'],
    ...['-keyout', key, '-out', cert, ...args],
  ]);
  return { key: await readFile(key), cert: await readFile(cert) };
}

/** The answer NXDOMAIN to a question. */
function noSuchName(query: Buffer): Buffer {
  const reply = Buffer.from(query);
  reply.writeUInt16BE(0x8183, 2);
  return reply;
}
