import type { Request, Response } from 'express';
import { RequestError } from '../core/errors.ts';
import { shareCalls } from '../engine/share-calls.ts';
import type { Swarm } from '../engine/swarm.ts';
import { answerForError } from './errors.ts';
import { sendJson } from './send-json.ts';

/** A bit more than the check takes at most. */
const CHECK_TIMEOUT_MS = 6000;

/** `GET /healthz`: the process answers. `GET /readyz`: it can work, too. Both are for everyone and say nothing else. */
export function createHealth(options: { readonly swarm: Swarm; isStopping(): boolean }) {
  // One question to the Engine at a time, however many ask.
  const checkManager = shareCalls(() => options.swarm.checkManager(), CHECK_TIMEOUT_MS);
  return {
    live: (_request: Request, response: Response): void => {
      sendJson(response, 200, { status: 'ok' });
    },
    ready: async (_request: Request, response: Response): Promise<void> => {
      if (options.isStopping()) {
        throw new RequestError('stopping', 'The server is stopping.');
      }
      try {
        await checkManager();
      } catch (cause) {
        if (answerForError(cause) !== undefined) {
          throw cause;
        }
        throw new RequestError('swarm_unavailable', 'The swarm can not be reached.', { cause });
      }
      sendJson(response, 200, { status: 'ready' });
    },
  };
}
