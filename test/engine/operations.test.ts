import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabelToken } from '../../src/core/authorize.ts';
import { RequestError } from '../../src/core/errors.ts';
import type { Operation } from '../../src/core/operation.ts';
import {
  createOperations,
  type OperationEvent,
  type OperationsOptions,
} from '../../src/engine/operations.ts';
import type { Service } from '../../src/engine/swarm.ts';
import { image } from '../core/examples.ts';
import { addShop, allow, createWorld, newImage, secret, type TestWorld } from './world.ts';

interface Fixture {
  readonly world: TestWorld;
  readonly service: Service;
  readonly operations: ReturnType<typeof createOperations>;
  readonly finished: Operation[];
  readonly faults: unknown[];
  /** A token for an update to the tag. */
  update(tag?: string): LabelToken;
  /** Holds every operation until it is called. */
  hold(): () => void;
}

function setUp(change: Partial<OperationsOptions> & { readonly lockMs?: number } = {}): Fixture {
  const { lockMs = 10_000, ...options } = change;
  const world = createWorld({ timeouts: { updateMs: 60_000, pendingMs: 20_000, lockMs, extraMs: 10_000 } });
  const service = addShop(world);
  const finished: Operation[] = [];
  const faults: unknown[] = [];
  const operations = createOperations({
    world,
    history: createMemoryHistory(),
    onFinished: operation => finished.push(operation),
    onInternalError: error => faults.push(error),
    ...options,
  });
  return {
    world,
    service,
    operations,
    finished,
    faults,
    update: (tag = '2') => allow(service, { image: image(`registry.test/acme/shop:${tag}`) }),
    hold: () => world.swarm.hold('getService'),
  };
}

function createMemoryHistory(): OperationsOptions['history'] {
  const all = new Map<string, Operation>();
  return {
    save: operation => all.set(operation.id, operation),
    get: id => all.get(id),
    list: ({ limit, targetId }) =>
      [...all.values()]
        .filter(({ target }) => targetId === undefined || target.id === targetId)
        .reverse()
        .slice(0, limit),
  };
}

/** No promise that nobody awaits may reject. */
function watchRejections(context: TestContext): void {
  const fail = (reason: unknown) => assert.fail(`unhandled: ${String(reason)}`);
  process.on('unhandledRejection', fail);
  context.after(() => process.off('unhandledRejection', fail));
}

suite('an operation', () => {
  test('is accepted at once, runs, and ends with its verdict', async () => {
    const { operations, update, finished, faults } = setUp();
    const accepted = operations.start(update());
    assert.deepEqual(
      { ...accepted, id: '' },
      {
        id: '',
        action: 'update',
        target: { kind: 'service', id: 'shop-id', name: 'shop' },
        caller: { kind: 'admin' },
        status: 'queued',
        steps: [],
        createdAt: '2026-11-22T12:00:00.000Z',
      },
    );
    assert.match(accepted.id, /^[0-9a-f-]{36}$/);
    assert.equal(operations.running, 1);
    const ended = await operations.finished(accepted.id);
    assert.equal(ended.status, 'succeeded');
    assert.equal(ended.image?.to, newImage);
    assert.ok(ended.startedAt && ended.finishedAt);
    assert.deepEqual(
      ended.steps.map(({ name, status }) => `${name} ${status}`),
      ['resolve succeeded', 'rollout succeeded'],
    );
    assert.equal(operations.running, 0);
    assert.deepEqual(finished, [ended]);
    assert.deepEqual(operations.get(accepted.id), ended);
    assert.deepEqual(await operations.finished(accepted.id), ended);
    assert.deepEqual(faults, []);
  });

  test('wants a label token', () => {
    const { operations, finished } = setUp();
    assert.throws(() => operations.start({} as LabelToken), TypeError);
    assert.equal(operations.running, 0);
    assert.deepEqual(finished, []);
  });

  test('that is unknown is none', async () => {
    const { operations } = setUp();
    assert.equal(operations.get('x'), undefined);
    assert.equal(
      operations.watch('x', () => undefined),
      undefined,
    );
    await assert.rejects(operations.finished('x'), RangeError);
  });

  test('is listed as it is now, newest first', async () => {
    const { operations, update, hold } = setUp();
    const release = hold();
    const first = operations.start(update());
    const second = operations.start(update('1'));
    const listed = operations.list({ limit: 10 });
    assert.deepEqual(
      listed.map(({ id, status }) => [id, status]),
      [
        [second.id, 'queued'],
        [first.id, 'running'],
      ],
    );
    assert.equal(operations.list({ limit: 1 }).length, 1);
    assert.deepEqual(operations.list({ limit: 10, targetId: 'other' }), []);
    release();
    await operations.stop();
  });
});

suite('whoever watches', () => {
  test('hears what is, what happens, and the end', async () => {
    const { operations, update } = setUp();
    const { id } = operations.start(update());
    const events: OperationEvent[] = [];
    operations.watch(id, event => events.push(event));
    const ended = await operations.finished(id);
    const words = events.map(event =>
      event.type === 'step'
        ? `${event.step.name} ${event.step.status}`
        : event.type === 'progress'
          ? 'progress'
          : event.type,
    );
    assert.deepEqual(words, [
      'status',
      'resolve running',
      'resolve succeeded',
      'status',
      'rollout running',
      'progress',
      'rollout succeeded',
      'finished',
    ]);
    assert.deepEqual(events.at(-1), { type: 'finished', operation: ended });
  });

  test('hears the end at once of what has ended', async () => {
    const { operations, update } = setUp();
    const { id } = await operations.finished(operations.start(update()).id);
    const types: string[] = [];
    operations.watch(id, ({ type }) => types.push(type))?.();
    assert.deepEqual(types, ['status', 'finished']);
  });

  test('hears nothing after leaving, and the others go on', async () => {
    const { operations, update, hold } = setUp();
    const release = hold();
    const { id } = operations.start(update());
    const heard = { left: 0, stayed: 0 };
    const count = (who: keyof typeof heard) => () => {
      heard[who] += 1;
    };
    const stay = count('stayed');
    const leave = operations.watch(id, count('left'));
    operations.watch(id, stay);
    operations.watch(id, stay);
    leave?.();
    leave?.();
    release();
    await operations.finished(id);
    assert.equal(heard.left, 1);
    assert.equal(heard.stayed % 2, 0);
    assert.ok(heard.stayed > 4);
  });

  test('and fails does no harm to the operation nor to who else watches', async context => {
    watchRejections(context);
    const { operations, update, faults } = setUp();
    const { id } = operations.start(update());
    let calls = 0;
    let others = 0;
    operations.watch(id, () => {
      calls += 1;
      if (calls > 1) {
        throw new Error('the connection is gone');
      }
    });
    operations.watch(id, () => {
      others += 1;
    });
    assert.equal((await operations.finished(id)).status, 'succeeded');
    assert.ok(faults.length > 0 && others > 4);
    assert.equal(operations.running, 0);
  });

  test('can be as many as like', async context => {
    const warnings: unknown[] = [];
    const note = (warning: unknown) => warnings.push(warning);
    process.on('warning', note);
    context.after(() => process.off('warning', note));
    const { operations, update } = setUp();
    const { id } = operations.start(update());
    let ends = 0;
    for (let index = 0; index < 1000; index += 1) {
      operations.watch(id, ({ type }) => {
        ends += type === 'finished' ? 1 : 0;
      });
    }
    await operations.finished(id);
    assert.equal(ends, 1000);
    assert.deepEqual(warnings, []);
  });
});

suite('of one target', () => {
  test('one operation runs at a time, in the order they came', async () => {
    const { operations, update, world } = setUp();
    const events: string[] = [];
    const all = ['1', '2', '1', '2'].map(tag => operations.start(update(tag)));
    for (const [index, { id }] of all.entries()) {
      operations.watch(id, event => {
        if (
          event.type === 'finished' ||
          (event.type === 'status' &&
            event.operation.status === 'running' &&
            event.operation.image === undefined)
        ) {
          events.push(`${index} ${event.type}`);
        }
      });
    }
    await operations.stop();
    assert.deepEqual(events, [
      '0 status',
      '0 finished',
      '1 status',
      '1 finished',
      '2 status',
      '2 finished',
      '3 status',
      '3 finished',
    ]);
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 3);
  });

  test('a second one is busy after the lock time-out, and never begins', async () => {
    const { operations, update, hold, world } = setUp({ lockMs: 20 });
    const release = hold();
    const first = operations.start(update());
    const second = operations.start(update());
    const ended = await operations.finished(second.id);
    assert.deepEqual([ended.status, ended.error?.code, ended.startedAt], ['failed', 'busy', undefined]);
    assert.match(ended.error?.message ?? '', /within 20 ms/);
    assert.equal(operations.get(first.id)?.status, 'running');
    release();
    assert.equal((await operations.finished(first.id)).status, 'succeeded');
    await sleep(5);
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 1);
  });

  test('others are not held', async () => {
    const { operations, update, hold, world } = setUp({ lockMs: 20 });
    const blog = world.swarm.addService({ ...addShop(world), name: 'blog', id: 'blog-id' });
    const release = hold();
    const first = operations.start(update());
    const other = operations.start(allow(blog, { image: image('registry.test/acme/shop:2') }));
    await sleep(40);
    assert.equal(operations.get(other.id)?.status, 'running');
    release();
    await Promise.all([operations.finished(first.id), operations.finished(other.id)]);
  });

  test('who is patient waits as long as it takes', async () => {
    const { operations, update, hold } = setUp({ lockMs: 10 });
    const release = hold();
    operations.start(update('1'));
    const { id } = operations.start(update(), { isPatient: true });
    await sleep(40);
    assert.equal(operations.get(id)?.status, 'queued');
    release();
    assert.equal((await operations.finished(id)).status, 'succeeded');
  });

  test('who is patient is one with a patient operation that waits for the same', async () => {
    const { operations, update, hold } = setUp();
    const release = hold();
    const running = operations.start(update(), { isPatient: true });
    const [first, second, other] = ['2', '2', '1'].map(tag =>
      operations.start(update(tag), { isPatient: true }),
    );
    assert.equal(second?.id, first?.id);
    assert.notEqual(other?.id, first?.id);
    // What runs already may have looked before the new image was there.
    assert.notEqual(first?.id, running.id);
    assert.notEqual(operations.start(update()).id, first?.id);
    release();
    await operations.stop();
  });

  test('who is patient and came behind another leaves half a second for others to join, and the first does not', async () => {
    const { operations, update, world } = setUp();
    const patient = { isPatient: true };
    const first = operations.start(update('1'), patient);
    assert.equal(operations.get(first.id)?.status, 'running');
    const second = operations.start(update(), patient);
    const joined: string[] = [];
    world.clock.at(world.clock.elapsedMs + 400, () => {
      joined.push(operations.start(update(), patient).id);
    });
    const { createdAt, startedAt, status } = await operations.finished(second.id);
    assert.deepEqual([joined, status], [[second.id], 'succeeded']);
    assert.equal(Date.parse(startedAt ?? '') - Date.parse(createdAt), 500);
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 1);
  });

  test('who is patient and has waited long begins at once', async () => {
    const { operations, update, world } = setUp();
    const release = world.swarm.hold('getService');
    const first = operations.start(update('1'));
    const second = operations.start(update(), { isPatient: true });
    await world.clock.sleep(600);
    release();
    const { finishedAt } = await operations.finished(first.id);
    assert.equal((await operations.finished(second.id)).startedAt, finishedAt);
  });

  test('who is patient joins the one that waits although the one before ended meanwhile', async () => {
    const { operations, update } = setUp();
    const patient = { isPatient: true };
    const first = operations.start(update(), patient);
    const second = operations.start(update(), patient);
    await operations.finished(first.id);
    assert.equal(operations.start(update(), patient).id, second.id);
    await operations.finished(second.id);
    assert.notEqual(operations.start(update(), patient).id, second.id);
    await operations.stop();
  });

  test('a caller who waits is not held up by bursts of others', async () => {
    const { operations, update } = setUp();
    const first = operations.start(update('1'));
    const second = operations.start(update());
    const { finishedAt } = await operations.finished(first.id);
    assert.equal((await operations.finished(second.id)).startedAt, finishedAt);
  });

  test('who is patient is not one with a caller who may give up', async () => {
    const { operations, update, hold } = setUp({ lockMs: 20 });
    const release = hold();
    operations.start(update('1'));
    const impatient = operations.start(update());
    const patient = operations.start(update(), { isPatient: true });
    assert.notEqual(patient.id, impatient.id);
    assert.equal((await operations.finished(impatient.id)).error?.code, 'busy');
    release();
    assert.equal((await operations.finished(patient.id)).status, 'succeeded');
  });
});

suite('the stop', () => {
  test('takes nothing new and waits for what was accepted', async () => {
    const { operations, update, hold } = setUp();
    const release = hold();
    const [running, waiting] = [operations.start(update()), operations.start(update('1'))];
    let hasStopped = false;
    const stopped = operations.stop().then(() => {
      hasStopped = true;
    });
    assert.throws(
      () => operations.start(update()),
      (error: RequestError) => error instanceof RequestError && error.code === 'stopping',
    );
    await sleep(5);
    assert.equal(hasStopped, false);
    release();
    await stopped;
    assert.equal(operations.running, 0);
    for (const { id } of [running, waiting]) {
      assert.ok(['succeeded', 'unchanged'].includes(operations.get(id)?.status ?? ''));
    }
  });

  test('of nothing is done at once', () => setUp().operations.stop());
});

suite('faults', () => {
  test('a history that can not be written refuses what is new', () => {
    const history = createMemoryHistory();
    const { operations, update } = setUp({
      history: {
        ...history,
        save: () => {
          throw new Error('disk full');
        },
      },
    });
    assert.throws(() => operations.start(update()), /disk full/);
    assert.equal(operations.running, 0);
  });

  test('a history that fails later does not stop what is under way', async context => {
    watchRejections(context);
    const history = createMemoryHistory();
    let saves = 0;
    const { operations, update, faults, finished } = setUp({
      history: {
        ...history,
        save(operation) {
          saves += 1;
          if (saves > 1) {
            throw new Error('disk full');
          }
          history.save(operation);
        },
      },
    });
    assert.equal((await operations.finished(operations.start(update()).id)).status, 'succeeded');
    assert.equal(faults.length, saves - 1);
    assert.equal(finished.length, 1);
  });

  test('the history says how far an operation has come, in case that this process ends', async () => {
    const history = createMemoryHistory();
    const saved: Operation[] = [];
    const { operations, update } = setUp({
      history: { ...history, save: operation => saved.push(operation) && history.save(operation) },
    });
    await operations.finished(operations.start(update()).id);
    const last = saved.findLast(({ status }) => status === 'running');
    assert.deepEqual(
      last?.steps.map(({ name, status }) => [name, status]),
      [
        ['resolve', 'succeeded'],
        ['rollout', 'succeeded'],
      ],
    );
    assert.ok(last?.image);
  });

  test('a fault of who is told of the end does not leave anybody waiting', async context => {
    watchRejections(context);
    const { operations, update, faults } = setUp({
      onFinished: () => {
        throw new Error('the log is closed');
      },
    });
    const { id } = operations.start(update());
    assert.equal((await operations.finished(id)).status, 'succeeded');
    assert.equal(faults.length, 1);
    await operations.stop();
  });

  test('a fault outside of the steps is told to the log, and the next one runs', async () => {
    const { world, operations, update, faults } = setUp();
    const broken = operations.start(update());
    const fault = new TypeError('the clock stopped');
    const { settings } = world;
    Object.defineProperty(settings.timeouts, 'updateMs', {
      configurable: true,
      get() {
        throw fault;
      },
    });
    const ended = await operations.finished(broken.id);
    assert.deepEqual([ended.status, ended.error?.code], ['failed', 'internal']);
    assert.deepEqual(faults, [fault]);
    Object.defineProperty(settings.timeouts, 'updateMs', { value: 60_000 });
    assert.equal((await operations.finished(operations.start(update()).id)).status, 'succeeded');
  });

  test('show no secret in what is kept', async () => {
    const { world, operations, update } = setUp();
    world.swarm.onHelper(() => undefined);
    world.swarm.fail('resolveImage', new Error(secret));
    const { id } = await operations.finished(operations.start(update()).id);
    assert.doesNotMatch(JSON.stringify(operations.get(id)), new RegExp(secret));
  });
});
