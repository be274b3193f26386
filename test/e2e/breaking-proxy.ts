import { once } from 'node:events';
import { createServer, type IncomingMessage, request as open, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../fixtures/seeded-random.ts';

/** What becomes of a request to the Engine, and how often it does among those that go wrong. */
const faultWeights = {
  /** The Engine never sees it. */
  'cut before': 3,
  /** It is done, and the connection ends without an answer. */
  'cut after': 3,
  'cut in the answer': 4,
  /** A whole answer, of half the length. */
  truncated: 3,
  delayed: 4,
  /** Never answered, whether it is done or not. */
  stalled: 0.2,
  'error before': 3,
  'error after': 2,
  'error of a proxy': 2,
} as const;
type Fault = keyof typeof faultWeights;
const faults = Object.keys(faultWeights) as readonly Fault[];
const allWeights = Object.values(faultWeights).reduce((sum, weight) => sum + weight, 0);

const LONGEST_DELAY_MS = 2000;

/** Between swarm-utils and the Engine of its manager. */
export interface BreakingProxy {
  /** Where it is: `tcp://…` */
  readonly host: string;
  /** From now on requests go wrong, one in ten. */
  begin(): void;
  /** From now on none is answered. */
  stall(): void;
  /** From now on all go well. What was not answered never is. */
  end(): void;
  /** How often what has happened. */
  counts(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/**
 * @param socketPath of the Engine
 * @param address of this machine, where swarm-utils reaches it
 * @param seed of the same faults in the same order
 */
export async function startBreakingProxy(
  socketPath: string,
  address: string,
  seed: number,
): Promise<BreakingProxy> {
  const random = createRandom(seed);
  const counts = new Map<string, number>();

  let mode: 'well' | 'breaking' | 'stalled' = 'well';

  function choose(): Fault | undefined {
    if (mode === 'stalled') {
      return 'stalled';
    }
    if (mode === 'well' || random() >= 0.1) {
      return undefined;
    }
    let left = random() * allWeights;
    return faults.find(fault => {
      left -= faultWeights[fault];
      return left < 0;
    });
  }

  const server = createServer(async (request, response) => {
    response.on('error', () => undefined);
    const fault = choose();
    const what = fault ?? 'none';
    counts.set(what, (counts.get(what) ?? 0) + 1);
    try {
      await handle(fault, request, response);
    } catch {
      response.destroy();
    }
  });

  async function handle(fault: Fault | undefined, request: IncomingMessage, response: ServerResponse) {
    switch (fault) {
      case 'cut before':
        response.destroy();
        return;
      case 'error before':
        refuse(
          response,
          500,
          '{"message":"rpc error: code = Unknown desc = of the test"}',
          'application/json',
        );
        return;
      case 'error of a proxy':
        refuse(response, 502, '<html><h1>502 Bad Gateway</h1></html>', 'text/html');
        return;
      case 'stalled':
        if (random() < 0.5) {
          (await forward(request)).resume();
        }
        return;
      case 'delayed':
        await sleep(random() * LONGEST_DELAY_MS);
        break;
      default:
    }
    const answer = await forward(request);
    switch (fault) {
      case 'cut after':
        answer.destroy();
        response.destroy();
        return;
      case 'error after':
        answer.resume();
        refuse(
          response,
          500,
          '{"message":"rpc error: code = Unknown desc = of the test"}',
          'application/json',
        );
        return;
      case 'cut in the answer':
      case 'truncated': {
        const body = await bodyOf(answer);
        const part = body.subarray(0, Math.floor(body.length / 2));
        const { 'content-length': _, 'transfer-encoding': __, ...headers } = answer.headers;
        // What has no length of its own can't be cut so that it looks whole.
        const isWhole = fault === 'truncated' && /json/.test(headers['content-type'] ?? '');
        const length = isWhole ? part.length : body.length + 1;
        response.writeHead(answer.statusCode ?? 500, { ...headers, 'content-length': length });
        if (isWhole) {
          response.end(part);
        } else {
          response.write(part, () => response.destroy());
        }
        return;
      }
      default:
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.on('error', () => response.destroy());
        answer.pipe(response);
        response.on('close', () => answer.destroy());
    }
  }

  async function forward(request: IncomingMessage): Promise<IncomingMessage> {
    const { method, url, headers } = request;
    const sent = open({ socketPath, method, path: url, headers });
    request.pipe(sent);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    return answer;
  }

  server.listen(0, address);
  await once(server, 'listening');
  return {
    host: `tcp://${address}:${(server.address() as AddressInfo).port}`,
    begin() {
      mode = 'breaking';
    },
    stall() {
      mode = 'stalled';
    },
    end() {
      mode = 'well';
    },
    counts: () => Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function refuse(response: ServerResponse, status: number, body: string, contentType: string): void {
  response.writeHead(status, { 'content-type': contentType }).end(body);
}

async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
