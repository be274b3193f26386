import { setTimeout as sleep } from 'node:timers/promises';
import { endInTime } from '../end-in-time.ts';
import { readErrorAnswer, unavailable } from '../engine-error.ts';
import { SwarmError } from '../swarm.ts';
import type { Shape } from './answer-shapes.ts';
import { CallFault } from './call-fault.ts';
import type { EngineConnection } from './connection.ts';
import { createEngineVersion, type SeenEngine } from './engine-version.ts';
import { parseExactly } from './exact-json.ts';
import { createExchange, type EngineAnswer, type EngineRequest } from './exchange.ts';
import { away, faultOf, isCutOff, isTrouble, isUncertain, lost, unversioned } from './judge-fault.ts';
import { unlessGone } from './unless-gone.ts';

/** What is asked for, at a path of the Engine API without a version. */
export type EngineCall = Pick<EngineRequest, 'query' | 'body' | 'login'> & {
  readonly path: string;
  /** Longest wait for the whole, milliseconds; never longer than the request time-out. */
  readonly timeoutMs?: number | undefined;
  /** The Engine asks somebody else: what went wrong there is an answer, and no trouble of the Engine's. */
  readonly isForwarded?: true;
};

/**
 * Calls to the Engine. Each ends within the request time-out, and an answer is whole and of the right shape. Each rejects with
 * a SwarmError, `unavailable` for whatever is not an answer of the Engine's.
 */
export interface Engine {
  /** Reads; again where the answer broke off or was not what it should be. */
  read<T>(call: EngineCall, shape: Shape<T>): Promise<T>;
  /** As `read`, and the same JSON once more, as `parseExactly` reads it. */
  readExactly<T>(call: EngineCall, shape: Shape<T>): Promise<{ readonly json: T; readonly exact: T }>;
  /** Creates or changes something, once. `mayBeDone` of what it rejects with says that only a look will tell. */
  write<T>(call: EngineCall, shape: Shape<T>): Promise<T>;
  /** As `write`; what the Engine says of it is not read. */
  post(call: EngineCall): Promise<void>;
  /** Removes something, once; what is gone already is no error. */
  remove(call: EngineCall): Promise<void>;
  /** Reads what may never end, as much as there is within a time and a size; again where not even the head of it came. */
  readStream(
    call: EngineCall & { readonly timeoutMs: number; readonly maxBytes: number },
  ): Promise<EngineStream>;
}

export interface EngineStream {
  readonly bytes: Buffer;
  /** Why no more came. Absent where it has come to its end. */
  readonly fault?: CallFault;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const READ_ATTEMPTS = 3;
const PAUSE_MS = 50;

/** @param onSeen as that of `createEngineVersion` */
export function createEngine(
  connection: EngineConnection,
  requestTimeoutMs: number,
  onSeen: (engine: SeenEngine) => void,
): Engine {
  const { maxAnswerBytes = MAX_ANSWER_BYTES } = connection;
  const exchange = createExchange(connection);
  const version = createEngineVersion(exchange, requestTimeoutMs, onSeen);

  /** Sends one request at the right version. Resolves with a whole answer that is no error. */
  async function attempt(
    method: EngineRequest['method'],
    call: EngineCall,
    timeoutMs: number,
    maxBytes = maxAnswerBytes,
  ): Promise<EngineAnswer> {
    const { path, query, body, login } = call;
    const startedAt = performance.now();
    const noVersion = () => new CallFault('timed_out', `no version of the API within ${timeoutMs} ms`);
    // It ends in its time, also where somebody else asks for the version.
    const current = await endInTime(version.current(), timeoutMs, noVersion).catch(error => {
      throw unversioned(error, `${method} ${path}`);
    });
    const leftMs = Math.max(1, timeoutMs - (performance.now() - startedAt));
    try {
      const answer = await exchange({
        method,
        path: pathAt(path, current),
        ...(query !== undefined && { query }),
        ...(body !== undefined && { body }),
        login,
        timeoutMs: leftMs,
        maxBytes,
      });
      version.notice(answer.headers);
      if (answer.status >= 200 && answer.status < 300) {
        return answer;
      }
      if (answer.fault !== undefined) {
        throw answer.fault;
      }
      throw readErrorAnswer(`${method} ${path}`, answer.status, answer.body);
    } catch (error) {
      const fault = faultOf(error);
      if (fault?.kind === 'refused' || fault?.kind === 'version_refused') {
        version.forget();
      }
      throw error instanceof CallFault ? unavailable(error) : error;
    }
  }

  /** An Engine that was exchanged meanwhile refuses the version without having done anything. */
  async function send(...args: Parameters<typeof attempt>): Promise<EngineAnswer> {
    try {
      return await attempt(...args);
    } catch (error) {
      if (faultOf(error)?.kind !== 'version_refused') {
        throw error;
      }
      return attempt(...args);
    }
  }

  async function sendOnce(method: EngineRequest['method'], call: EngineCall): Promise<EngineAnswer> {
    try {
      return whole(await send(method, call, timeoutOf(call)));
    } catch (error) {
      throw isUncertain(error) ? lost(error) : error;
    }
  }

  const timeoutOf = ({ timeoutMs = requestTimeoutMs }: EngineCall) =>
    Math.max(1, Math.min(timeoutMs, requestTimeoutMs));

  async function readText<T>(
    call: EngineCall,
    shape: Shape<T>,
  ): Promise<{ readonly text: string; readonly json: T }> {
    const until = performance.now() + timeoutOf(call);
    for (let round = 1; ; round += 1) {
      try {
        const answer = whole(await send('GET', call, Math.max(1, until - performance.now())));
        return readJson(`GET ${call.path}`, answer, shape);
      } catch (error) {
        const isInTrouble = isTrouble(error) && (!call.isForwarded || faultOf(error)?.isForeign);
        if (round === READ_ATTEMPTS || !(isInTrouble || isCutOff(error)) || performance.now() >= until) {
          throw isInTrouble ? away(error) : error;
        }
      }
      await sleep(round * PAUSE_MS);
    }
  }

  return {
    read: async (call, shape) => (await readText(call, shape)).json,
    async readExactly<T>(call: EngineCall, shape: Shape<T>) {
      const { text, json } = await readText(call, shape);
      return { json, exact: parseExactly(text) as T };
    },
    async write(call, shape) {
      const answer = await sendOnce('POST', call);
      try {
        return readJson(`POST ${call.path}`, answer, shape).json;
      } catch (error) {
        // It was done, but what came of it is not known.
        throw error instanceof SwarmError ? lost(error) : error;
      }
    },
    async post(call) {
      await sendOnce('POST', call);
    },
    async remove(call) {
      await unlessGone(() => sendOnce('DELETE', call));
    },
    async readStream({ maxBytes, ...call }) {
      for (let round = 1; ; round += 1) {
        try {
          const { body, fault } = await send('GET', call, timeoutOf(call), maxBytes);
          return { bytes: body, ...(fault !== undefined && { fault }) };
        } catch (error) {
          if (round === READ_ATTEMPTS || !(isCutOff(error) || isTrouble(error))) {
            throw error;
          }
        }
        await sleep(round * PAUSE_MS);
      }
    },
  };
}

/** Specs of services have what is newer than the newest version that is known here, and a path with a version drops it. */
function pathAt(path: string, version: string): string {
  return /^\/services(?:\/|$)/.test(path) ? path : `/v${version}${path}`;
}

function whole(answer: EngineAnswer): EngineAnswer {
  if (answer.fault !== undefined) {
    throw unavailable(answer.fault);
  }
  return answer;
}

function readJson<T>(
  call: string,
  { body }: EngineAnswer,
  shape: Shape<T>,
): { readonly text: string; readonly json: T } {
  const text = body.toString('utf8');
  const malformed = (what: string) => unavailable(new CallFault('malformed', `${call}: ${what}`));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw malformed(`the answer is no JSON, ${body.length} bytes`);
  }
  const fault = shape.faultOf(json);
  if (fault !== undefined) {
    throw malformed(`the answer is not what it should be: ${fault}`);
  }
  return { text, json: json as T };
}
