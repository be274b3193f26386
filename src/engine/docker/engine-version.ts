import type { IncomingHttpHeaders } from 'node:http';
import {
  type ApiVersionChoice,
  chooseApiVersion,
  newestKnownApiVersion,
  oldestUsableApiVersion,
  readApiVersion,
} from '../../core/engine-api-version.ts';
import { unavailable } from '../engine-error.ts';
import { shareCalls } from '../share-calls.ts';
import { SwarmError } from '../swarm.ts';
import { version as versionShape } from './answer-shapes.ts';
import { CallFault } from './call-fault.ts';
import type { Exchange } from './exchange.ts';

/** An Engine, as it says what it is. */
export interface SeenEngine {
  /** `28.5.2`; absent where it does not say so. */
  readonly release?: string;
  /** The newest version of the API that it speaks. */
  readonly apiVersion: string;
  readonly support: ApiVersionChoice['support'];
}

/** The version to ask at, seen once for each connection: again after the Engine was away or has become another one. */
export interface EngineVersion {
  /**
   * @returns `1.51`
   * @throws SwarmError `unavailable`, `engine_too_old`, `engine_too_new`
   */
  current(): Promise<string>;
  /** The Engine may be another one when it is there again. */
  forget(): void;
  /** Of an answer that came: they tell an Engine that was exchanged. */
  notice(headers: IncomingHttpHeaders): void;
}

const PING_TIMEOUT_MS = 4000;
const MAX_ANSWER_BYTES = 64 * 1024;
const RELEASE = /^Docker\/(\S{1,64})/;

/** @param onSeen told of an Engine when it is first seen, and of each that is another one */
export function createEngineVersion(
  exchange: Exchange,
  requestTimeoutMs: number,
  onSeen: (engine: SeenEngine) => void,
): EngineVersion {
  const timeoutMs = Math.min(PING_TIMEOUT_MS, requestTimeoutMs);
  let known: { readonly version: string; readonly engine: SeenEngine } | undefined;
  let told = '';

  async function get(path: string) {
    try {
      const answer = await exchange({ method: 'GET', path, timeoutMs, maxBytes: MAX_ANSWER_BYTES });
      if (answer.fault !== undefined) {
        throw answer.fault;
      }
      return answer;
    } catch (error) {
      throw error instanceof CallFault ? unavailable(error) : error;
    }
  }

  /** Only asked for where it matters. Undefined where it can't be known: a proxy may let this request not pass. */
  async function readOldest(): Promise<string | undefined> {
    try {
      const { body } = await get('/version');
      const json: unknown = JSON.parse(body.toString('utf8'));
      return versionShape.faultOf(json) === undefined
        ? readApiVersion((json as { readonly MinAPIVersion?: string }).MinAPIVersion)
        : undefined;
    } catch {
      return undefined;
    }
  }

  async function see(): Promise<string> {
    const { status, headers } = await get('/_ping');
    const newest = readApiVersion(headers['api-version']);
    if (newest === undefined) {
      const message = `GET /_ping: no Engine answers there: status ${status}, no version of its API`;
      throw unavailable(new CallFault('malformed', message));
    }
    const isNewer = chooseApiVersion({ newest }).support === 'newer';
    const choice = chooseApiVersion({ newest, oldest: isNewer ? await readOldest() : undefined });
    const release = RELEASE.exec(String(headers.server))?.[1];
    const engine: SeenEngine = {
      apiVersion: newest,
      support: choice.support,
      ...(release !== undefined && { release }),
    };
    const text = JSON.stringify(engine);
    if (told !== text) {
      told = text;
      onSeen(engine);
    }
    if (!('version' in choice)) {
      throw refusalOf(choice.support);
    }
    known = { version: choice.version, engine };
    return choice.version;
  }

  // What can't be worked with is not remembered: it may be upgraded at any moment.
  const ask = shareCalls(see, timeoutMs * 3);

  return {
    async current() {
      if (known !== undefined) {
        return known.version;
      }
      return ask();
    },
    forget() {
      known = undefined;
    },
    notice(headers) {
      const newest = headers['api-version'];
      if (newest !== undefined && newest !== known?.engine.apiVersion) {
        known = undefined;
      }
    },
  };
}

function refusalOf(support: 'too_old' | 'too_new'): SwarmError {
  return support === 'too_old'
    ? new SwarmError(
        'engine_too_old',
        `The Docker Engine of this manager is too old: swarm-utils needs version ${oldestUsableApiVersion} of its API at least, ` +
          'which is Docker 20.10. Upgrade the Engine.',
      )
    : new SwarmError(
        'engine_too_new',
        `The Docker Engine of this manager is too new: version ${newestKnownApiVersion} of its API is the newest that this ` +
          'swarm-utils knows, and the Engine does not speak it any more. Upgrade swarm-utils.',
      );
}
