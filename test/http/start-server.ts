import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { Providers } from '../../providers/provider.ts';
import { parseTokenSecret, type TokenSecret } from '../../src/core/plain-token.ts';
import { createParsedTargets } from '../../src/engine/parsed-targets.ts';
import { createHttpServer, type HttpOptions } from '../../src/http/app.ts';
import { createLog } from '../../src/log.ts';
import { cleanNodeDefaults } from '../core/clean-defaults.ts';
import { createFakeOperations, type FakeOperations } from '../fixtures/fake-operations.ts';
import { createFakeProviders } from '../fixtures/fake-providers.ts';
import { createFakeSwarm, type FakeSwarm } from '../fixtures/fake-swarm.ts';
import { createMemoryReplay, type MemoryReplay } from '../fixtures/memory-replay.ts';

export const adminToken = 'canary-admin-token';
export const shopToken = 'canary-shop-token';
export const blogToken = 'canary-blog-token';

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any form
  readonly json: any;
}

export interface Ask {
  readonly method?: string;
  /** A string or bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly swarm: FakeSwarm;
  readonly operations: FakeOperations;
  readonly replay: MemoryReplay;
  readonly log: readonly string[];
  ask(path: string, ask?: Ask): Promise<Answer>;
  update(body: object, ask?: Ask): Promise<Answer>;
  webhook(change: object, ask?: Ask & { readonly provider?: string }): Promise<Answer>;
  /** What the log says, as one text. */
  logged(): string;
}

/**
 * A server on a free port with a swarm of two services: `shop` for its token, and for pushes of acme/shop on main by
 * token and webhook; `blog` for its own token only. Every operation succeeds at once.
 */
export async function startServer(
  context: TestContext,
  change: Partial<HttpOptions> & { readonly providers?: Providers } = {},
): Promise<TestServer> {
  const now = () => new Date();
  const swarm = createFakeSwarm();
  addServices(swarm);
  const operations = createFakeOperations({ now });
  operations.endAllWith({ status: 'succeeded' });
  const replay = createMemoryReplay();
  const log: string[] = [];
  const server = createHttpServer({
    swarm,
    parsedTargets: createParsedTargets(),
    operations,
    replay,
    listBackups: async () => [],
    providers: createFakeProviders(),
    cleanNodeDefaults,
    parallelOperations: 10,
    schedule: {
      timeZone: 'UTC',
      states: () => [],
      runsOf: () => [],
      missedOf: () => ({ count: 0, last: [] }),
    },
    adminTokens: [secret('another-admin-token'), secret(adminToken)],
    authFailureLimit: 0,
    trustProxy: false,
    log: createLog({ level: 'info', redact: text => text, destination: { write: line => log.push(line) } }),
    isStopping: () => false,
    now,
    lockRetryAfterSeconds: 7,
    routes: 'all',
    ...change,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  async function ask(path: string, { method, body, token, headers }: Ask = {}): Promise<Answer> {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(`${url}${path}`, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      redirect: 'manual',
      ...(body !== undefined && { body: isRaw ? (body as string) : JSON.stringify(body) }),
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') && text !== '';
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      text,
      json: isJson ? JSON.parse(text) : undefined,
    };
  }

  return {
    url,
    port,
    swarm,
    operations,
    replay,
    log,
    ask,
    update: (body, options = {}) => ask('/api/update/service', { body, ...options }),
    webhook: (body, { provider = 'github', headers, ...options } = {}) =>
      ask(`/webhooks/${provider}`, { body, ...options, headers: { 'x-fake-signature': 'good', ...headers } }),
    logged: () => log.join(''),
  };
}

/** Everything of an answer that a caller can compare, save the clock. */
export function observable({ status, headers, text }: Answer): object {
  const { date: _, ...others } = headers;
  return { status, headers: others, text };
}

function secret(text: string): TokenSecret {
  const parsed = parseTokenSecret(text);
  if (parsed === undefined) {
    throw new RangeError('This is no token secret.');
  }
  return parsed;
}

function addServices(swarm: FakeSwarm): void {
  swarm.addService({
    name: 'shop',
    image: 'registry.test/acme/shop:1',
    replicas: 2,
    labels: {
      'com.docker.stack.namespace': 'acme',
      'other.api-token': 'canary-other-label',
      'swarm-utils.update.enable': 'true',
      'swarm-utils.update.token': shopToken,
      'swarm-utils.update.github.repository': 'acme/shop',
      'swarm-utils.update.github.ref': 'refs/heads/main',
      'swarm-utils.update.github.on': 'push',
    },
  });
  swarm.addService({
    name: 'blog',
    image: 'registry.test/acme/blog:1',
    labels: { 'swarm-utils.update.enable': 'true', 'swarm-utils.update.token': blogToken },
  });
}
