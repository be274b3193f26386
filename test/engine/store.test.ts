import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import type { Operation } from '../../src/core/operation.ts';
import { openStore } from '../../src/engine/store.ts';

const now = new Date('2026-11-22T12:00:00.000Z');
const dayMs = 24 * 60 * 60 * 1000;
const days = (count: number) => new Date(now.getTime() + count * dayMs);

function setUp(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'swarm-utils-store-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const dataDir = join(folder, 'deep', 'data');
  const open = (at = now) => {
    const store = openStore(dataDir, at);
    context.after(() => {
      try {
        store.close();
      } catch {
        // Closed by the test.
      }
    });
    return store;
  };
  return { dataDir, open };
}

function operationOf(id: string, change: Partial<Operation> = {}): Operation {
  return {
    id,
    action: 'update',
    target: { kind: 'service', id: 'shop-id', name: 'shop' },
    caller: { kind: 'admin' },
    status: 'succeeded',
    steps: [{ name: 'resolve', status: 'succeeded', message: `"'; DROP TABLE operations; --\u0000 🔑` }],
    createdAt: now.toISOString(),
    ...change,
  };
}

suite('the history', () => {
  test('is there again after a restart', context => {
    const { open, dataDir } = setUp(context);
    const operation = operationOf('a', {
      image: { from: 'x', to: 'y', digest: 'z' },
      error: { code: 'timed_out', message: 'm' },
    });
    const first = open();
    first.history.save(operation);
    first.close();
    assert.deepEqual(open().history.get('a'), operation);
    assert.equal(statSync(dataDir).mode & 0o777, 0o700);
  });

  test('keeps one record per operation, and its place', context => {
    const { history } = setUp(context).open();
    for (const id of ['a', 'b', 'c']) {
      history.save(operationOf(id, { status: 'queued' }));
    }
    history.save(operationOf('a', { status: 'failed' }));
    assert.deepEqual(
      history.list({ limit: 10 }).map(({ id, status }) => `${id} ${status}`),
      ['c queued', 'b queued', 'a failed'],
    );
  });

  test('is listed newest first, by target, and no longer than asked', context => {
    const { history } = setUp(context).open();
    for (const [index, name] of ['shop', 'blog', 'shop', 'blog', 'shop'].entries()) {
      history.save(
        operationOf(`${index}`, {
          createdAt: new Date(now.getTime() + (index % 2) * 1000 + index).toISOString(),
          target: { kind: 'service', id: `${name}-id`, name },
        }),
      );
    }
    const ids = (filter: Parameters<typeof history.list>[0]) => history.list(filter).map(({ id }) => id);
    assert.deepEqual(ids({ limit: 10 }), ['3', '1', '4', '2', '0']);
    assert.deepEqual(ids({ limit: 2 }), ['3', '1']);
    assert.deepEqual(ids({ limit: 2, targetId: 'shop-id' }), ['4', '2']);
    assert.deepEqual(ids({ limit: 2, targetId: "x' OR 1=1 --" }), []);
  });

  test('does not know what is not there', context => {
    const { history } = setUp(context).open();
    for (const id of ['', 'x', "' OR ''='", '\0']) {
      assert.equal(history.get(id), undefined);
    }
  });

  test('marks what had no verdict as interrupted, and nothing else', context => {
    const { open } = setUp(context);
    const first = open();
    for (const status of [
      'queued',
      'running',
      'succeeded',
      'failed',
      'unchanged',
      'rolled_back',
      'timed_out',
    ] as const) {
      first.history.save(operationOf(status, { status }));
    }
    first.close();
    const later = days(1);
    const { history, interrupted } = open(later);
    assert.deepEqual(interrupted.map(({ id }) => id).toSorted(), ['queued', 'running']);
    for (const id of ['queued', 'running']) {
      const operation = history.get(id);
      assert.deepEqual(
        [operation?.status, operation?.error?.code, operation?.finishedAt],
        ['interrupted', 'interrupted', later.toISOString()],
      );
    }
    for (const id of ['succeeded', 'failed', 'unchanged', 'rolled_back', 'timed_out']) {
      assert.deepEqual(history.get(id), operationOf(id, { status: id as Operation['status'] }));
    }
  });

  test('forgets after 90 days: at the start, and while it runs', context => {
    const { open } = setUp(context);
    const first = open();
    first.history.save(operationOf('old', { createdAt: days(-91).toISOString() }));
    first.history.save(operationOf('young', { createdAt: days(-89).toISOString() }));
    first.close();
    const { history } = open();
    assert.deepEqual(
      history.list({ limit: 9 }).map(({ id }) => id),
      ['young'],
    );
    history.save(operationOf('tomorrow', { createdAt: days(0.9).toISOString() }));
    assert.ok(history.get('young'));
    history.save(operationOf('in two days', { createdAt: days(2).toISOString() }));
    assert.equal(history.get('young'), undefined);
    assert.ok(history.get('tomorrow'));
  });
});

suite('the replay records', () => {
  test('bind a key once, and are there again after a restart', context => {
    const { open } = setUp(context);
    const first = open();
    assert.equal(first.replay.find('key'), undefined);
    first.replay.bind('key', { fingerprint: 'f', operationIds: ['a', 'b'] }, days(1));
    first.close();
    const { replay } = open();
    assert.deepEqual(replay.find('key'), { fingerprint: 'f', operationIds: ['a', 'b'] });
    assert.equal(replay.find('KEY'), undefined);
    assert.throws(() => replay.bind('key', { fingerprint: 'g', operationIds: [] }, days(1)), /UNIQUE/);
    assert.equal(replay.find('key')?.fingerprint, 'f');
  });

  test('go when they have expired, and not before', context => {
    const { open } = setUp(context);
    const first = open();
    first.replay.bind('soon', { fingerprint: 'f', operationIds: [] }, days(1));
    first.replay.bind('later', { fingerprint: 'f', operationIds: [] }, days(3650));
    assert.ok(first.replay.find('soon'));
    first.close();
    const { replay } = open(days(1.1));
    assert.equal(replay.find('soon'), undefined);
    assert.ok(replay.find('later'));
  });
});

suite('a database that can not be opened is a clear error', () => {
  test('when the file is no database', context => {
    const { dataDir, open } = setUp(context);
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(join(dataDir, 'swarm-utils.sqlite'), 'this is not a database'.repeat(100));
    assert.throws(
      () => open(),
      /swarm-utils\.sqlite \(SWARM_UTILS_DATA_DIR\) can't be opened: file is not a database/,
    );
  });

  test('when the folder is a file', context => {
    const { dataDir, open } = setUp(context);
    mkdirSync(join(dataDir, '..'), { recursive: true });
    writeFileSync(dataDir, '');
    assert.throws(() => open(), /SWARM_UTILS_DATA_DIR.*can't be opened: EEXIST/);
  });

  test('when the file is a folder', context => {
    const { dataDir, open } = setUp(context);
    mkdirSync(join(dataDir, 'swarm-utils.sqlite'), { recursive: true });
    assert.throws(() => open(), /can't be opened: unable to open database file/);
  });
});

test('two processes can write one after the other: the one that goes and the one that comes', context => {
  const { open, dataDir } = setUp(context);
  const [old, young] = [open(), open()];
  old.history.save(operationOf('of the old one'));
  young.history.save(operationOf('of the young one'));
  assert.equal(old.history.list({ limit: 9 }).length, 2);
  assert.ok(readdirSync(dataDir).includes('swarm-utils.sqlite'));
});
