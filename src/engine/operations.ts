import { randomUUID } from 'node:crypto';
import { type LabelToken, type LabelTokenContent, redeemLabelToken } from '../core/authorize.ts';
import { boundOutput } from '../core/bound-output.ts';
import { RequestError } from '../core/errors.ts';
import { isFinished, type Operation, summarizeCaller } from '../core/operation.ts';
import type { StepReport } from '../core/step.ts';
import type { Gate } from './gate.ts';
import { createLock, type Lock, LockTimeout } from './lock.ts';
import { busy, internalFailure, notBegun } from './operation-ends.ts';
import { runOperation } from './run-operation.ts';
import type { EngineWorld } from './steps/step-executor.ts';
import type { History } from './store.ts';
import { checkRoom } from './waiting-room.ts';

/** Progress of an operation. The last one is always `finished`. */
export type OperationEvent =
  | { readonly type: 'status'; readonly operation: Operation }
  | { readonly type: 'step'; readonly step: StepReport }
  | { readonly type: 'progress'; readonly step: string; readonly message: string }
  | { readonly type: 'finished'; readonly operation: Operation };

/** The operations of this process and, from the history, of those before it. */
export interface Operations {
  /**
   * Accepts an operation and begins it at once.
   * @param options.isPatient for callers that nobody repeats, such as webhooks: wait for the target's lock as long as
   *   those before take, instead of the lock time-out; be one with a patient operation that waits for the same lock with
   *   the same parameters; and, behind another operation, wait half a second at least for others to be one with
   * @param options.gate how many of those that are given the same one run at the same time
   * @throws RequestError `stopping`; `overloaded` where too many wait already
   */
  start(labelToken: LabelToken, options?: StartOptions): Operation;
  /**
   * Accepts operations for several targets, all or none: one that is refused leaves nothing behind, so that the whole can
   * be asked for again.
   * @throws RequestError `stopping`, `overloaded`
   */
  startAll(labelTokens: readonly LabelToken[], options?: StartOptions): readonly Operation[];
  get(id: string): Operation | undefined;
  /** Newest first. */
  list(filter: { readonly limit: number; readonly targetId?: string }): readonly Operation[];
  /** Resolves with the finished operation; at once when it has finished already. Rejects for an unknown id. */
  finished(id: string): Promise<Operation>;
  /**
   * Calls the listener with the operation as it is (`status`), then with all that happens until `finished`.
   * @returns the end of the subscription, to be called by who leaves early; undefined for an unknown id
   */
  watch(id: string, listener: (event: OperationEvent) => void): (() => void) | undefined;
  /** Accepts nothing any more, and resolves when all that was accepted has its verdict. */
  stop(): Promise<void>;
  /** How many have no verdict yet. */
  readonly running: number;
}

export interface StartOptions {
  readonly isPatient?: boolean;
  /** Waited for before the lock, so as to hold up nobody. Who still waits when this process stops does not begin any more. */
  readonly gate?: Gate;
}

export interface OperationsOptions {
  readonly world: EngineWorld;
  readonly history: History;
  /** Of the targets. Absent: one of its own. */
  readonly lock?: Lock;
  readonly onFinished: (operation: Operation) => void;
  readonly onInternalError: (error: unknown, operation: Operation) => void;
}

/**
 * Platforms send several webhooks for one thing, such as GitHub's `package` and `registry_package`. The first is not held
 * up; those that come while it is at work have this long to become one, milliseconds from the first of them on.
 */
const SETTLE_MS = 500;

/** An operation that has no verdict yet. */
interface Running {
  operation: Operation;
  readonly content: LabelTokenContent;
  readonly isPatient: boolean;
  readonly gate: Gate | undefined;
  /** There was another one for its target when it came. */
  readonly isBehind: boolean;
  readonly listeners: Set<(event: OperationEvent) => void>;
  readonly done: PromiseWithResolvers<void>;
}

export function createOperations({
  world,
  history,
  lock = createLock(),
  onFinished,
  onInternalError,
}: OperationsOptions): Operations {
  const running = new Map<string, Running>();
  /** The patient ones that have not begun, by what they would do. */
  const waiting = new Map<string, Running>();
  let isStopping = false;
  const now = () => world.clock.now().toISOString();
  const ageOf = ({ operation }: Running) => world.clock.now().getTime() - Date.parse(operation.createdAt);

  const run = async (record: Running): Promise<void> => {
    const lockTimeoutMs = record.isPatient ? undefined : world.settings.timeouts.lockMs;
    const work = async () => {
      const settleMs = record.isPatient && record.isBehind ? SETTLE_MS - ageOf(record) : 0;
      if (settleMs > 0) {
        await world.clock.sleep(settleMs);
      }
      closeToOthers(record);
      change(record, { status: 'running', startedAt: now() });
      save(record.operation);
      return runOperation(world, record.content, listenTo(record));
    };
    const locked = () => lock.run(record.operation.target.id, lockTimeoutMs, work);
    const gated = record.gate?.pass(async () => (isStopping ? notBegun : locked()));
    const end = await (gated ?? locked()).catch((error: unknown) => {
      if (error instanceof LockTimeout) {
        return busy(world.settings.timeouts.lockMs);
      }
      onInternalError(error, record.operation);
      return internalFailure;
    });
    record.operation = { ...record.operation, ...end, finishedAt: now() };
    running.delete(record.operation.id);
    closeToOthers(record);
    save(record.operation);
    attempt(record.operation, () => onFinished(record.operation));
    tell(record, { type: 'finished', operation: record.operation });
    record.done.resolve();
  };

  /** From now on nobody becomes one with it. */
  const closeToOthers = (record: Running) => {
    const parameters = parametersOf(record.content);
    if (waiting.get(parameters) === record) {
      waiting.delete(parameters);
    }
  };

  /** Neither a full disk nor a fault of who watches stops what is under way. */
  const attempt = (operation: Operation, work: () => void) => {
    try {
      work();
    } catch (error) {
      onInternalError(error, operation);
    }
  };

  const save = (operation: Operation) => attempt(operation, () => history.save(operation));

  const tell = ({ operation, listeners }: Running, event: OperationEvent) => {
    for (const listener of [...listeners]) {
      attempt(operation, () => listener(event));
    }
  };

  const change = (record: Running, fields: Partial<Operation>) => {
    record.operation = { ...record.operation, ...fields };
    tell(record, { type: 'status', operation: record.operation });
  };

  const listenTo = (record: Running) => ({
    step(step: StepReport) {
      const others = record.operation.steps.filter(({ name }) => name !== step.name);
      const steps = boundOutput([...others, step]);
      const warnings = steps.flatMap(each => each.warnings ?? []);
      record.operation = { ...record.operation, steps, ...(warnings.length > 0 && { warnings }) };
      // Should this process end now, the history says how far it had come.
      save(record.operation);
      tell(record, { type: 'step', step: steps.at(-1) ?? step });
    },
    image(image: Operation['image']) {
      change(record, image === undefined ? {} : { image });
    },
    timeBudget(timeoutMs: number) {
      // The first step follows at once, and with it an event and what is saved.
      record.operation = { ...record.operation, timeoutMs };
    },
    progress(step: string, message: string) {
      tell(record, { type: 'progress', step, message });
    },
    internalError(error: unknown) {
      onInternalError(error, record.operation);
    },
  });

  const sameAs = (content: LabelTokenContent, isPatient: boolean) =>
    isPatient ? waiting.get(parametersOf(content))?.operation : undefined;

  /** One that begins at once, or becomes one with another, needs no room. */
  const checkRoomFor = (contents: readonly LabelTokenContent[], isPatient: boolean) => {
    const all = [...running.values()];
    const targetOf = ({ operation }: Running) => operation.target.id;
    const atWork = new Set(all.map(targetOf));
    const queued = all.filter(({ isBehind, operation }) => isBehind && operation.status === 'queued');
    const coming = contents.filter(content => sameAs(content, isPatient) === undefined);
    checkRoom(
      queued.map(targetOf),
      coming.map(({ target }) => target.id).filter(id => atWork.has(id)),
    );
  };

  const begin = (content: LabelTokenContent, { isPatient = false, gate }: StartOptions): Operation => {
    const same = sameAs(content, isPatient);
    if (same !== undefined) {
      return same;
    }
    const { kind, id, name } = content.target;
    const operation: Operation = {
      id: randomUUID(),
      action: content.request.action,
      target: { kind, id, name },
      caller: summarizeCaller(content.caller),
      status: 'queued',
      steps: [],
      createdAt: now(),
    };
    history.save(operation);
    const done = Promise.withResolvers<void>();
    const isBehind = [...running.values()].some(other => other.operation.target.id === id);
    const record: Running = { operation, content, isPatient, gate, isBehind, listeners: new Set(), done };
    running.set(operation.id, record);
    // Nobody else is made to wait at its gate, nor to end with it when this process stops.
    if (isPatient && gate === undefined) {
      waiting.set(parametersOf(content), record);
    }
    void run(record);
    return operation;
  };

  const startAll: Operations['startAll'] = (labelTokens, options = {}) => {
    const contents = labelTokens.map(redeemLabelToken);
    if (isStopping) {
      const message = 'swarm-utils is stopping and begins nothing new. Try again in a moment.';
      throw new RequestError('stopping', message);
    }
    checkRoomFor(contents, options.isPatient ?? false);
    return contents.map(content => begin(content, options));
  };

  return {
    startAll,

    start(labelToken, options) {
      const [operation] = startAll([labelToken], options);
      if (operation === undefined) {
        throw new TypeError('An operation that is accepted is there.');
      }
      return operation;
    },

    get: id => running.get(id)?.operation ?? history.get(id),

    list: filter => history.list(filter).map(operation => running.get(operation.id)?.operation ?? operation),

    async finished(id) {
      const record = running.get(id);
      if (record !== undefined) {
        await record.done.promise;
        return record.operation;
      }
      const operation = history.get(id);
      if (operation === undefined || !isFinished(operation)) {
        throw new RangeError(`There is no operation ${id}.`);
      }
      return operation;
    },

    watch(id, listener) {
      const record = running.get(id);
      const operation = record?.operation ?? history.get(id);
      if (operation === undefined) {
        return undefined;
      }
      listener({ type: 'status', operation });
      if (record === undefined) {
        listener({ type: 'finished', operation });
        return () => undefined;
      }
      // Of its own, so that the same one can listen twice.
      const own = (event: OperationEvent) => listener(event);
      record.listeners.add(own);
      return () => record.listeners.delete(own);
    },

    async stop() {
      isStopping = true;
      await Promise.all([...running.values()].map(({ done }) => done.promise));
    },

    get running() {
      return running.size;
    },
  };
}

/** Equal for operations of which one will do. */
function parametersOf({ request, target }: LabelTokenContent): string {
  return JSON.stringify([target.id, request]);
}
