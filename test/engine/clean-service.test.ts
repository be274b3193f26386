import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { authorize, redeemLabelToken } from '../../src/core/authorize.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { runOperation } from '../../src/engine/run-operation.ts';
import type { Service, Task } from '../../src/engine/swarm.ts';
import { readExecCommand } from './exec-command.ts';
import { addShop, createRecorder, createWorld, ownServiceId, type TestWorld } from './world.ts';

const cleans = { 'swarm-utils.clean.enable': 'true', 'swarm-utils.clean.exec': 'rm -rf /tmp/*' };

async function clean(world: TestWorld, service: Service) {
  const decision = authorize(
    { kind: 'admin' },
    { action: 'clean', targetKind: 'service' },
    serviceTarget(service),
  );
  assert.ok(decision.allowed);
  const recorder = createRecorder();
  const end = await runOperation(world, redeemLabelToken(decision.labelToken), recorder.listener);
  return { ...recorder, end, last: recorder.reports.at(-1) };
}

/** Lets the helper for one container end in its own way, and whatever comes with that. */
function failIn(
  { swarm }: TestWorld,
  containerId: string,
  end: Partial<Task>,
  lines: readonly string[],
  meanwhile = () => {},
) {
  swarm.onHelper((service, _, helper) => {
    const isIt = readExecCommand(helper.command).container === containerId;
    const task = swarm.addTask({
      serviceId: service.id,
      state: 'complete',
      exitCode: 0,
      ...(isIt && { state: 'failed', ...end }),
    });
    if (isIt) {
      swarm.setLogs(task.id, lines);
      meanwhile();
    }
  });
}

suite('the clean of a service', () => {
  test('runs its text in each container, on its own node', async () => {
    const world = createWorld();
    const service = addShop(world, { labels: cleans });
    const { end, last } = await clean(world, service);
    assert.deepEqual(end, { status: 'succeeded' });
    assert.deepEqual([last?.name, last?.message], ['exec', 'Done in 2 tasks.']);
    assert.deepEqual(
      world.swarm.callsOf('createHelper').map(([{ command }]) => {
        const { container, words } = readExecCommand(command);
        return [container, words];
      }),
      ['1', '2'].map(slot => [`container-of-slot-${slot}`, ['/bin/sh', '-c', 'rm -rf /tmp/*']]),
    );
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 0);
  });

  test('goes from one to the next where the label says so, also past a failure', async () => {
    const world = createWorld();
    const service = addShop(world, {
      replicas: 3,
      labels: { ...cleans, 'swarm-utils.clean.exec.parallel': 'false' },
    });
    failIn(world, 'container-of-slot-1', { exitCode: 3 }, ['no']);
    const { end } = await clean(world, service);
    assert.equal(end.error?.code, 'exec_failed');
    assert.match(end.error?.message ?? '', /failed in 1 of 3 tasks/);
    const order = world.swarm.calls.flatMap(({ method }) =>
      method === 'createHelper' ? ['begin'] : method === 'removeService' ? ['end'] : [],
    );
    assert.deepEqual(order, ['begin', 'end', 'begin', 'end', 'begin', 'end']);
  });

  for (const [how, end, lines] of [
    ['was gone before', { exitCode: 1 }, ['Error: No such container: container-of-slot-1']],
    ['had stopped before', { exitCode: 1 }, ['Error response from daemon: Container x is not running']],
    ['ended while it ran', { exitCode: 137 }, []],
  ] as const) {
    test(`names a container that ${how}, and is no failure for it`, async () => {
      const world = createWorld();
      const service = addShop(world, { labels: cleans });
      const [victim] = await world.swarm.listTasks(service.id);
      failIn(world, 'container-of-slot-1', end, lines, () =>
        world.swarm.changeTask(`${victim?.id}`, { state: 'failed' }),
      );
      const { end: verdict, last } = await clean(world, service);
      assert.equal(verdict.status, 'succeeded');
      assert.equal(
        last?.message,
        `Done in 1 task. These containers ended meanwhile: container-of (task ${victim?.id}).`,
      );
    });

    test(`waits for the swarm to hear of a container that ${how}`, async () => {
      const world = createWorld();
      const service = addShop(world, { labels: cleans });
      const [victim] = await world.swarm.listTasks(service.id);
      failIn(world, 'container-of-slot-1', end, lines);
      let looks = 0;
      world.swarm.before('getTask', () => {
        looks += 1;
        if (looks === 5) {
          world.swarm.changeTask(`${victim?.id}`, { state: 'failed' });
        }
      });
      const { end: verdict, last } = await clean(world, service);
      assert.equal(verdict.status, 'succeeded', last?.message);
      assert.match(last?.message ?? '', /ended meanwhile: container-of/);
    });

    test(`is a failure when the container that ${how} runs all the same`, async () => {
      const world = createWorld();
      failIn(world, 'container-of-slot-1', end, lines);
      const { end: verdict } = await clean(world, addShop(world, { labels: cleans }));
      assert.equal(verdict.error?.code, 'exec_failed');
    });
  }

  test('is a failure when the text failed, whatever became of its container after that', async () => {
    const world = createWorld();
    const service = addShop(world, { labels: cleans });
    const [victim] = await world.swarm.listTasks(service.id);
    failIn(world, 'container-of-slot-1', { exitCode: 3 }, ['no'], () =>
      world.swarm.changeTask(`${victim?.id}`, { state: 'failed' }),
    );
    assert.equal((await clean(world, service)).end.error?.code, 'exec_failed');
  });

  test('is a failure when all containers vanish', async () => {
    const world = createWorld();
    const service = addShop(world, { replicas: 1, labels: cleans });
    failIn(world, 'container-of-slot-1', { exitCode: 137 }, [], () => world.swarm.deleteTasks(service.id));
    const { end } = await clean(world, service);
    assert.equal(end.error?.code, 'exec_failed');
    assert.match(
      end.error?.message ?? '',
      /^exec ran nowhere\. These containers ended meanwhile: container-of \(task/,
    );
  });

  test('may be that of swarm-utils itself', async () => {
    const world = createWorld();
    const service = addShop(world, { id: ownServiceId, name: 'swarm-utils', labels: cleans });
    assert.equal((await clean(world, service)).end.status, 'succeeded');
  });

  test('is not begun when the labels have changed', async () => {
    const world = createWorld();
    const service = addShop(world, { labels: cleans });
    world.swarm.changeService(service.id, { labels: { 'swarm-utils.clean.enable': 'true' } });
    const { end } = await clean(world, service);
    assert.equal(end.error?.code, 'not_authorized_any_more');
  });
});
