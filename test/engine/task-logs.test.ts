import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readLogLines, readOutput } from '../../src/engine/task-logs.ts';
import { reportTasks } from '../../src/engine/task-report.ts';
import { addShop, createWorld, secret, unassigned } from './world.ts';

/** A frame of the Engine: 1 is standard output, 2 standard error. */
function frame(stream: number, payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload as string);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

const read = (...parts: readonly Buffer[]) => readLogLines(Buffer.concat(parts));

suite('the log stream of the Engine', () => {
  test('is taken out of its frames, output and error together', () => {
    assert.deepEqual(read(frame(1, 'one\n'), frame(2, 'two\n'), frame(0, 'three\n')), [
      'one',
      'two',
      'three',
    ]);
  });

  test('is put into the order of its timestamps, which are taken out', () => {
    const lines = read(
      frame(1, '2026-11-22T09:46:57.100000000Z starts\n'),
      frame(1, '2026-11-22T09:46:57.300000000Z ends\n'),
      frame(2, '2026-11-22T09:46:57.2Z 2026-11-22 is a bad day\n'),
    );
    assert.deepEqual(lines, ['starts', '2026-11-22 is a bad day', 'ends']);
    assert.deepEqual(read(Buffer.from('2026-11-22T09:46:57.1Z on a terminal\r\n')), ['on a terminal']);
  });

  test('may split a line, or a character, between frames', () => {
    const euro = Buffer.from('€');
    assert.deepEqual(
      read(
        frame(1, 'a li'),
        frame(1, 'ne\nof '),
        frame(1, euro.subarray(0, 1)),
        frame(1, euro.subarray(1)),
        frame(1, '\n'),
      ),
      ['a line', 'of €'],
    );
  });

  test('may hold several lines in a frame, and empty ones', () => {
    assert.deepEqual(read(frame(1, 'a\n\nb\r\n')), ['a', '', 'b']);
    assert.deepEqual(read(frame(1, 'no end')), ['no end']);
    assert.deepEqual(read(frame(1, ''), frame(1, 'x\n')), ['x']);
  });

  test('has no frames where the container has a terminal', () => {
    assert.deepEqual(readLogLines(Buffer.from('one\r\ntwo\r\n')), ['one', 'two']);
    assert.deepEqual(readLogLines(Buffer.from('x')), ['x']);
    assert.deepEqual(readLogLines(Buffer.from('\u0003234567890')), ['\u0003234567890']);
    assert.deepEqual(readLogLines(Buffer.from('\u0001bcdefghij')), ['\u0001bcdefghij']);
  });

  test('may be empty', () => assert.deepEqual(readLogLines(Buffer.alloc(0)), []));

  test('may be cut anywhere: what is there is read', () => {
    const whole = Buffer.concat([frame(1, 'one\n'), frame(2, 'two\n')]);
    for (let length = 0; length <= whole.length; length += 1) {
      const lines = readLogLines(whole.subarray(0, length));
      assert.ok(lines.length <= 2);
      if (length >= 12) {
        assert.equal(lines[0], 'one');
      }
    }
  });

  test('may lie about a length', () => {
    const lying = frame(1, 'x\n');
    lying.writeUInt32BE(0xffffffff, 4);
    assert.deepEqual(read(lying, frame(1, 'y\n')).at(0), 'x');
  });

  test('may hold bytes that are no text', () => {
    assert.deepEqual(read(frame(1, Buffer.from([0xff, 0xfe, 0x0a]))), ['\ufffd\ufffd']);
  });

  test('may be huge', () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => frame(1, `line ${index}\n`));
    const start = performance.now();
    assert.equal(read(...lines).length, 20_000);
    assert.ok(performance.now() - start < 500);
  });
});

suite('the report of a task', () => {
  test('cuts long lines after the redaction, so that no secret is cut in two', async () => {
    const world = createWorld();
    const task = world.swarm.addTask({ serviceId: addShop(world).id, state: 'failed', exitCode: 1 });
    world.swarm.setLogs(task.id, [`${'x'.repeat(1995)}${secret}`, 'y'.repeat(10_000)]);
    const [report] = await reportTasks(world.swarm, [task], 10, world.redact);
    assert.equal(report?.logs[0], `${'x'.repeat(1995)}[reda…`);
    assert.equal(report?.logs[1]?.length, 2001);
  });

  test('says no exit code of what runs, and asks for no logs of what never began', async () => {
    const world = createWorld();
    const service = addShop(world);
    const running = world.swarm.addTask({ serviceId: service.id, exitCode: 0 });
    const pending = world.swarm.addTask({ serviceId: service.id, state: 'pending', ...unassigned });
    const elsewhere = world.swarm.addTask({ serviceId: service.id, nodeId: 'node-9' });
    const reports = await reportTasks(world.swarm, [running, pending, elsewhere], 10, world.redact);
    assert.deepEqual(
      reports.map(({ node, state, exitCode }) => [node, state, exitCode]),
      [
        ['node-1', 'running', undefined],
        ['', 'pending', undefined],
        ['node-9', 'running', undefined],
      ],
    );
    assert.deepEqual(
      world.swarm.callsOf('taskLogs').map(([id]) => id),
      [running.id, elsewhere.id],
    );
  });
});

suite('the output of a task', () => {
  const output = (...parts: readonly Buffer[]) => readOutput(Buffer.concat(parts));

  test('is what it printed on each of its two streams, in lines', () => {
    const euro = Buffer.from('€');
    assert.deepEqual(
      output(
        frame(1, '["a"]\n'),
        frame(2, 'warning\n'),
        frame(1, '["b'),
        frame(1, euro.subarray(0, 2)),
        frame(1, Buffer.concat([euro.subarray(2), Buffer.from('"]\n')])),
      ),
      { stdout: ['["a"]', '["b€"]'], stderr: ['warning'] },
    );
    assert.deepEqual(output(), { stdout: [], stderr: [] });
  });

  test('is nothing at all when the swarm says that something is missing, or the stream is torn', () => {
    const whole = frame(1, '["a"]\n');
    assert.equal(output(whole, frame(3, 'incomplete log stream')), undefined);
    assert.equal(output(whole, whole.subarray(0, -1)), undefined);
    assert.equal(output(whole, Buffer.from([1, 0])), undefined);
    assert.equal(output(Buffer.from('no frames at all')), undefined);
  });
});
