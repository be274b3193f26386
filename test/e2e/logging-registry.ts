import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';

/** What a registry is that remembers who came with what. */
export interface LoggingRegistry {
  /** `host:port`, as images name it. */
  readonly address: string;
  readonly user: string;
  readonly password: string;
  /** Every `Authorization` that it was sent, decoded: `user:password`. */
  readonly logins: readonly string[];
  /** How many requests came, with or without a login. */
  requests(): number;
  close(): Promise<void>;
}

/**
 * A registry with a login of its own that holds what the lab's open registry holds. It asks everybody for Basic
 * authentication, so that whoever has a login to give gives it.
 * @param options.delayMs before each answer
 */
export async function startLoggingRegistry(
  lab: Lab,
  name: string,
  options: { readonly delayMs?: number } = {},
): Promise<LoggingRegistry> {
  const [user, password] = [`${name}-user`, `${name}-password-6b1f`];
  const logins: string[] = [];
  let requests = 0;
  const server = createServer(async (request, response) => {
    requests++;
    const [, encoded] = /^Basic (.*)$/.exec(request.headers.authorization ?? '') ?? [];
    const login = encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
    if (login !== undefined) {
      logins.push(login);
    }
    await sleep(options.delayMs ?? 0);
    if (login !== `${user}:${password}`) {
      response.writeHead(401, { 'www-authenticate': `Basic realm="${name}"` });
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
      return;
    }
    const answer = await fetch(`http://${lab.registry.address}${request.url}`, {
      method: request.method ?? 'GET',
      headers: { accept: request.headers.accept ?? '*/*' },
    });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>(resolve => server.listen(0, lab.hostAddress, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `${lab.hostAddress}:${port}`,
    user,
    password,
    logins,
    requests: () => requests,
    async close() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
