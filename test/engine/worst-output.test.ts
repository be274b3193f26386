import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { boundOutput } from '../../src/core/bound-output.ts';
import { showable } from '../../src/core/outside-text.ts';
import { createOperations } from '../../src/engine/operations.ts';
import { runOperation } from '../../src/engine/run-operation.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { reportTasks } from '../../src/engine/task-report.ts';
import { image } from '../core/examples.ts';
import { addShop, allow, contentOf, createRecorder, createWorld, secret } from './world.ts';

const esc = '\u001b';
const same = (text: string) => text;
const leftOut = '(older lines were left out)';

suite('what comes from outside', () => {
  test('has no control characters: colours go, others are seen to have been there, tabs stay', () => {
    assert.equal(
      showable(`${esc}[31mred${esc}[0m\tand ${esc}[1;38;5;200mpink${esc}[m`, same),
      'red\tand pink',
    );
    assert.equal(
      showable(`a${esc}[2J${esc}]0;title\u0007b\u0000\r\u009b\u0085\u007f`, same),
      'a�[2J�]0;title�b�����',
    );
    assert.equal(showable('grün 🔑 日本', same), 'grün 🔑 日本');
    const every = String.fromCharCode(...Array.from({ length: 0xa0 }, (_, code) => code));
    assert.doesNotMatch(showable(every, same), /(?!\t)\p{Cc}/u);
  });

  test('does not hide a secret between control characters', () => {
    const { redact } = createWorld();
    const parts = [...secret].map(letter => `${letter}${esc}[0m`).join('');
    assert.equal(showable(`x ${parts} y`, redact), 'x [redacted] y');
    assert.equal(
      showable('x a\tb\nc y', text => text.replaceAll('b\nc', '[redacted]')),
      'x a\t[redacted] y',
    );
  });

  test('is cut to 2000 characters after the redaction, and no character in two', () => {
    const { redact } = createWorld();
    assert.equal(showable(`${'x'.repeat(1995)}${secret}`, redact), `${'x'.repeat(1995)}[reda…`);
    assert.equal(showable('🔑'.repeat(5000), same).length, 2001);
    assert.equal(showable(`x${'🔑'.repeat(5000)}`, same).isWellFormed(), true);
  });

  test('takes no long time, whatever it is', () => {
    for (const unit of [esc, `${esc}[`, `${esc}[1;`, '\u009b[0', '\r', '\r\n', 'x']) {
      const start = performance.now();
      showable(unit.repeat(1_000_000 / unit.length), same);
      assert.ok(performance.now() - start < 1000, JSON.stringify(unit));
    }
  });

  test('is the output and the error of a task, and why logs can not be read', async () => {
    const world = createWorld();
    const { id: serviceId } = addShop(world);
    const failed = {
      serviceId,
      state: 'failed',
      exitCode: 1,
      error: `${esc}[2J${'x'.repeat(5000)}`,
    } as const;
    const task = world.swarm.addTask(failed);
    world.swarm.setLogs(task.id, [`${esc}[2Jgone`]);
    const [report] = await reportTasks(world.swarm, [task], 10, world.redact);
    assert.deepEqual(report?.logs, ['�[2Jgone']);
    assert.equal(report?.error?.length, 2001);
    world.swarm.fail('taskLogs', new SwarmError('logs_unavailable', `${esc}${'x'.repeat(5000)}`));
    const [unread] = await reportTasks(world.swarm, [task], 10, world.redact);
    assert.ok((unread?.logs[0] ?? '').length < 2100);
    assert.doesNotMatch(JSON.stringify([report, unread]), /\\u001b/);
  });

  test('is what the Engine repeats of a registry: cut, and without control characters', async () => {
    const world = createWorld();
    const message = `registry.test: ${esc}[31m${'<html>'.repeat(1_000_000)}`;
    world.swarm.fail('resolveImage', new SwarmError('registry_unreachable', message));
    const { listener, reports } = createRecorder();
    const end = await runOperation(world, contentOf(addShop(world), { isForce: true }), listener);
    assert.ok((end.error?.message ?? '').length <= 2001);
    assert.ok(reports.every(({ message: said = '' }) => said.length <= 2001));
    assert.doesNotMatch(JSON.stringify([end, reports]), /\\u001b/);
  });
});

suite('the output of an operation', () => {
  /** An update of many tasks, each of whose hooks prints the worst. */
  async function runWorst(tasks: number, line: string) {
    const world = createWorld();
    const service = addShop(world, {
      replicas: tasks,
      labels: { 'swarm-utils.update.exec-pre': 'x', 'swarm-utils.update.exec-post': 'x' },
    });
    world.swarm.onHelper((helper, swarm, { nodeId }) => {
      const task = {
        serviceId: helper.id,
        nodeId,
        state: 'complete',
        desiredState: 'shutdown',
        exitCode: 0,
      } as const;
      swarm.setLogs(
        swarm.addTask({ ...task, error: line.repeat(10) }).id,
        Array.from({ length: 200 }, (_, index) => `${index} ${line}`),
      );
    });
    const saved: string[] = [];
    const told: string[] = [];
    const operations = createOperations({
      world,
      history: {
        save: operation => saved.push(JSON.stringify(operation)),
        get: () => undefined,
        list: () => [],
      },
      onFinished: () => undefined,
      onInternalError: error => {
        throw error;
      },
    });
    const { id } = operations.start(allow(service, { image: image('registry.test/acme/shop:2') }));
    operations.watch(id, event => told.push(JSON.stringify(event)));
    const operation = await operations.finished(id);
    return { operation, saved, told };
  }

  for (const [name, unit] of [
    ['letters', 'x'],
    ['control characters', '\u0001'],
    ['quotes', '"'],
    ['keys', '🔑'],
    ['halves of keys', '\ud83d'],
  ] as const) {
    test(`is at most 128 KiB as JSON, also when its tasks print the worst: ${name}`, async () => {
      const { operation, saved, told } = await runWorst(50, unit.repeat(10_000));
      assert.equal(operation.status, 'succeeded');
      assert.equal(operation.steps.length, 4);
      for (const text of [...saved, ...told, JSON.stringify(operation)]) {
        assert.ok(Buffer.byteLength(text) <= 128 * 1024, `${Buffer.byteLength(text)}`);
      }
    });
  }

  test('keeps the newest lines, and says that there were others', async () => {
    const { operation } = await runWorst(10, 'x'.repeat(500));
    for (const step of operation.steps.filter(({ helper }) => helper !== undefined)) {
      for (const { logs } of step.helper?.tasks ?? []) {
        assert.equal(logs[0], leftOut);
        assert.equal(logs.filter(line => line === leftOut).length, 1);
        assert.match(logs.at(-1) ?? '', /^199 x/);
        assert.ok(logs.length > 2);
      }
    }
  });

  const step = (name: string, ...logs: readonly (readonly string[])[]) => ({
    name,
    status: 'succeeded' as const,
    tasks: logs.map((lines, index) => ({ id: `${index}`, node: 'n', state: 'complete', logs: lines })),
  });

  test('that is small enough stays as it is', () => {
    const steps = [step('exec-pre', ['a', 'b'], []), step('exec-post', Array(1000).fill('x'.repeat(50)))];
    assert.equal(boundOutput(steps), steps);
  });

  test('loses lines of the longest tasks first', () => {
    const short = ['one', 'two'];
    const long = Array.from({ length: 100 }, () => 'x'.repeat(2000));
    const [first, second] = boundOutput([step('exec-pre', short, long), step('exec-post', long)]);
    assert.deepEqual(first?.tasks?.[0]?.logs, short);
    const counts = [first?.tasks?.[1]?.logs.length, second?.tasks?.[0]?.logs.length];
    assert.equal(counts[0], counts[1]);
    assert.ok((counts[0] ?? 0) > 15);
  });
});
