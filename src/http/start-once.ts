import { createHash } from 'node:crypto';
import { RequestError } from '../core/errors.ts';
import { formatImageReference } from '../core/image-reference.ts';
import type { ActionRequest, Operation } from '../core/operation.ts';
import type { Operations } from '../engine/operations.ts';
import type { Replay } from '../engine/replay.ts';

/** What a token or delivery is bound to. */
export interface Binding {
  readonly replayKey: string;
  readonly expiresAt: Date;
  readonly fingerprint: string;
}

export interface StartOnce {
  /**
   * The operations that the key was bound to before.
   * @returns undefined for an unknown key
   * @throws RequestError `token_reused` when it came with another request then
   */
  find(binding: Binding): readonly Operation[] | undefined;
  /**
   * Starts operations and binds the key to them, unless it is known: then these are the operations. All in one tick, so
   * that of two requests with one key only one starts anything. Without a binding it just starts.
   * @throws RequestError `token_reused`, `stopping`, and whatever `begin` throws: then nothing is bound
   */
  start(binding: Binding | undefined, begin: () => readonly Operation[]): readonly Operation[];
}

export function createStartOnce(options: {
  readonly operations: Operations;
  readonly replay: Replay;
  isStopping(): boolean;
}): StartOnce {
  const { operations, replay } = options;

  function find(binding: Binding): readonly Operation[] | undefined {
    const record = replay.find(binding.replayKey);
    if (record !== undefined && record.fingerprint !== binding.fingerprint) {
      throw new RequestError('token_reused', 'This token was used for another request. Ask for a new one.');
    }
    return record?.operationIds.flatMap(id => operations.get(id) ?? []);
  }

  return {
    find,
    start(binding, begin) {
      const known = binding && find(binding);
      if (known !== undefined) {
        return known;
      }
      if (options.isStopping()) {
        throw new RequestError('stopping', 'The server is stopping.');
      }
      const started = begin();
      if (binding !== undefined && started.length > 0) {
        const operationIds = started.map(({ id }) => id);
        replay.bind(binding.replayKey, { fingerprint: binding.fingerprint, operationIds }, binding.expiresAt);
      }
      return started;
    },
  };
}

/** The same for the same action on the same target with the same parameters, and for nothing else. */
export function fingerprintOf(request: ActionRequest, targetId: string): string {
  return createHash('sha256')
    .update(JSON.stringify([request.action, targetId, ...parametersOf(request)]))
    .digest('hex');
}

function parametersOf(request: ActionRequest): readonly unknown[] {
  switch (request.action) {
    case 'update':
      return [request.image === undefined ? null : formatImageReference(request.image), request.isForce];
    case 'clean':
      return [request.targetKind, request.targetKind === 'node' && request.isDryRun];
    case 'backup':
      return [];
    case 'restore': {
      const { volume = null, backup = null, nodeName = null, isDrill } = request;
      return [volume, backup, nodeName, isDrill];
    }
  }
}
