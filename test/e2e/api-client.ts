import { request as httpRequest } from 'node:http';
import type { InboundWebhook } from '../../providers/provider.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The parsed JSON; undefined where there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

export interface ApiClient {
  get(path: string, token?: string): Promise<Answer>;
  /** @param body an object, sent as JSON, or the text itself */
  post(
    path: string,
    body: object | string,
    token?: string,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  /** Sends a webhook as its platform does. */
  webhook(provider: string, webhook: InboundWebhook): Promise<Answer>;
}

/** Speaks HTTP with swarm-utils, one connection per request, so that nothing but the request counts. */
export function createApiClient(url: string): ApiClient {
  const send = (
    method: string,
    path: string,
    headers: Record<string, string | undefined>,
    body?: string | Buffer,
  ) =>
    new Promise<Answer>((resolve, reject) => {
      const present = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
      const request = httpRequest(
        `${url}${path}`,
        { method, headers: present as Record<string, string>, agent: false },
        response => {
          const chunks: Buffer[] = [];
          response.on('data', chunk => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parse(text) });
          });
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  const bearer = (token: string | undefined) => ({
    authorization: token === undefined ? undefined : `Bearer ${token}`,
  });

  return {
    get: (path, token) => send('GET', path, bearer(token)),
    post: (path, body, token, headers = {}) =>
      send(
        'POST',
        path,
        { 'content-type': 'application/json', ...bearer(token), ...headers },
        typeof body === 'string' ? body : JSON.stringify(body),
      ),
    webhook: (provider, { headers, body }) => send('POST', `/webhooks/${provider}`, headers, body),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
