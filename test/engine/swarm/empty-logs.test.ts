import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type LogDriver,
  type OwnEngine,
  type Service,
  SwarmError,
  type Task,
} from '../../../src/engine/swarm.ts';
import { reportTasks } from '../../../src/engine/task-report.ts';
import { addShop, createWorld } from '../world.ts';

const crashed = {
  state: 'failed',
  desiredState: 'shutdown',
  error: 'task: non-zero exit (1)',
  exitCode: 1,
} as const;

/** The lines that are reported of a task which ran on node-1. */
async function linesOf(
  options: {
    readonly logDriver?: LogDriver;
    readonly own?: Partial<OwnEngine> | SwarmError;
    readonly task?: Partial<Task>;
    readonly printed?: readonly string[];
  } = {},
) {
  const { swarm, redact, ...world } = createWorld();
  const { logDriver, own = {}, task, printed = [] } = options;
  const shop: Service = addShop({ swarm, redact, ...world }, { ...(logDriver && { logDriver }) });
  if (own instanceof SwarmError) {
    swarm.fail('describeEngine', own);
  } else {
    swarm.setEngine(own);
  }
  const added = swarm.addTask({ serviceId: shop.id, containerId: 'c', ...crashed, ...task });
  swarm.setLogs(added.id, printed);
  const [report] = await reportTasks(swarm, [added], 20, redact, shop);
  return { lines: report?.logs, calls: swarm.callsOf('describeEngine').length };
}

const driver = (name: string, isCopyDisabled = false): LogDriver => ({ name, isCopyDisabled });

suite('a task of which there are no lines', () => {
  test('printed nothing, where its log driver can be read', async () => {
    for (const name of ['json-file', 'local', 'journald']) {
      assert.deepEqual((await linesOf({ logDriver: driver(name) })).lines, ['(it printed nothing)']);
    }
    assert.deepEqual((await linesOf({ own: { logDriver: 'json-file' } })).lines, ['(it printed nothing)']);
  });

  test('has logs that can not be read, where its driver is none or keeps no copy, whoever named it', async () => {
    for (const [options, words] of [
      [{ logDriver: driver('none') }, "(the logs can't be read: the service's log driver is none)"],
      [
        { logDriver: driver('syslog', true) },
        "(the logs can't be read: the service's log driver is syslog, with cache-disabled)",
      ],
      [{ own: { logDriver: 'none' } }, "(the logs can't be read: its node's default log driver is none)"],
    ] as const) {
      assert.deepEqual((await linesOf(options)).lines, [words]);
    }
  });

  test('may have printed nothing or not, where that is all that is known', async () => {
    const unknown = ["(no lines: it printed nothing, or the default log driver of its node can't be read)"];
    for (const own of [{}, { nodeId: 'node-2', logDriver: 'none' }, new SwarmError('unavailable', 'away')]) {
      assert.deepEqual((await linesOf({ own })).lines, unknown);
    }
    assert.deepEqual((await linesOf({ logDriver: driver('gelf') })).lines, [
      "(no lines: it printed nothing, or the service's log driver, gelf, keeps no copy that can be read)",
    ]);
  });

  test('is not asked about where it never ran', async () => {
    const task = {
      state: 'rejected',
      containerId: undefined,
      exitCode: undefined,
    } as unknown as Partial<Task>;
    assert.deepEqual(await linesOf({ task, logDriver: driver('none') }), { lines: [], calls: 0 });
  });
});

test('a task of which there are lines has them, whatever its driver is', async () => {
  const options = { logDriver: driver('syslog', true), printed: ['one'] };
  assert.deepEqual(await linesOf(options), { lines: ['one'], calls: 0 });
});
