import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { HelperService } from '../../src/core/helper.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { exec } from '../../src/engine/steps/exec.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { type ExecCommand, readExecCommand } from './exec-command.ts';
import { addShop, createWorld } from './world.ts';

interface End {
  readonly hangs?: boolean;
  readonly exitCode?: number;
  readonly stdout?: readonly string[];
  readonly stderr?: readonly string[];
}

/** The shop with one task, whose helpers end as they are told. */
function openShop({ text, end = {} }: { text: (told: ExecCommand) => End; end?: End }) {
  const world = createWorld();
  const service = addShop(world, { replicas: 1 });
  const helpers: HelperService[] = [];
  world.swarm.onHelper((helperService, swarm, helper) => {
    helpers.push(helper);
    const told = helper.name.includes('-end-') ? end : text(readExecCommand(helper.command));
    const { hangs = false, exitCode = 0, stdout = [], stderr = [] } = told;
    const task = swarm.addTask({
      serviceId: helperService.id,
      nodeId: helper.nodeId,
      state: hangs ? 'running' : exitCode === 0 ? 'complete' : 'failed',
      ...(!hangs && { exitCode }),
    });
    swarm.setOutput(task.id, { stdout, stderr });
    swarm.setLogs(task.id, [...stdout, ...stderr]);
  });
  const context = {
    world,
    service,
    target: serviceTarget(service),
    onProgress: () => undefined,
    checkStillAllowed: async () => service.version,
  };
  const work = { kind: 'exec', shell: '/bin/sh', script: 'dump', user: '70:70' } as const;
  const step = { name: 'exec', when: 'on-success', timeoutMs: 2500, work } as const;
  return { world, helpers, run: () => exec(context, step) };
}

suite('a text that takes longer than its time', () => {
  test('is ended in the container too, and the verdict says so', async () => {
    const { helpers, run } = openShop({ text: () => ({ hangs: true }), end: { stdout: ['0 0'] } });
    const { status, error } = await run();
    assert.deepEqual([status, error?.code], ['timed_out', 'timed_out']);
    assert.match(
      `${error?.message}`,
      /longer than its time-out of 2500 ms.* What it had begun in the container was ended\.$/,
    );
    const [text, end] = helpers;
    assert.equal(helpers.length, 2);
    assert.equal(end?.nodeId, text?.nodeId);
    const { container, run: id, seconds, user } = readExecCommand(text?.command ?? []);
    assert.deepEqual([container, seconds, user], ['container-of-slot-1', '3', '70:70']);
    assert.match(`${id}`, /^[0-9a-f]{32}$/);
    assert.deepEqual(end?.command.slice(4, 6), [container, id]);
  });

  test('is told to go on where it can not be ended', async () => {
    for (const end of [
      { stdout: ['1 0'] },
      { stdout: [] },
      { exitCode: 125, stderr: ['docker: Error response from daemon: authorization denied by plugin x'] },
      { hangs: true },
    ]) {
      const { run } = openShop({ text: () => ({ hangs: true }), end });
      const { status, error } = await run();
      assert.deepEqual([status, error?.code], ['timed_out', 'timed_out']);
      assert.match(
        `${error?.message}`,
        /could not be ended, and may go on there; the next run is refused while it does/,
      );
      assert.equal(/authorization denied/.test(`${error?.message}`), 'stderr' in end);
    }
  });

  test('is told to go on where nobody can try', async () => {
    const { world, run } = openShop({
      text: () => {
        world.swarm.fail('createHelper', new SwarmError('rejected', 'not today'), 1e9);
        return { hangs: true };
      },
    });
    const { status, error } = await run();
    assert.equal(status, 'timed_out');
    assert.match(`${error?.message}`, /may go on there.* The Engine refused: not today$/);
  });
});

suite('a text of which an earlier run is at work still', () => {
  test('is not begun', async () => {
    const { helpers, run } = openShop({ text: ({ word }) => ({ exitCode: 1, stderr: [`${word} 33`] }) });
    const { status, error, helper } = await run();
    assert.deepEqual([status, error?.code], ['failed', 'still_running']);
    assert.match(
      `${error?.message}`,
      /is still running, so nothing was begun\. It may take 33 seconds more\.$/,
    );
    assert.deepEqual(helper?.tasks[0]?.logs, []);
    assert.equal(helpers.length, 1);
  });

  test('is not begun either where that can not be ended', async () => {
    const { run } = openShop({ text: ({ word }) => ({ exitCode: 1, stderr: [`${word} 0`] }) });
    const { error } = await run();
    assert.equal(error?.code, 'still_running');
    assert.match(`${error?.message}`, /Its time is over, but it can not be ended/);
  });

  test('is not believed to be so because the text prints it', async () => {
    const { run } = openShop({
      text: () => ({ exitCode: 1, stderr: ['SWARM_UTILS_EXEC 33', 'still_running 33'] }),
    });
    assert.equal((await run()).error?.code, 'exec_failed');
  });
});
