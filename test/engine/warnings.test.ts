import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { authorize } from '../../src/core/authorize.ts';
import type { Operation } from '../../src/core/operation.ts';
import { nodeTarget } from '../../src/core/target.ts';
import { createOperations, type OperationEvent } from '../../src/engine/operations.ts';
import { withoutLogs } from '../../src/http/operation-answer.ts';
import { connectEngine, containerIdOf, containerJson, createEngine, idOf, imageJson } from './fake-engine.ts';
import { createWorld, secret } from './world.ts';

const inUse = { status: 409, json: { message: `in use by ${secret}` } };

/** A clean that has to leave one container of two, and one image. */
function setUp(images = [imageJson('a', { RepoDigests: [`x@${idOf('d')}`] })]) {
  const world = createWorld();
  const node = world.swarm.addNode({ id: 'node-7', hostname: 'worker-7' });
  const containers = [containerJson('1'), containerJson('2')];
  const replies = { [`DELETE /containers/${containerIdOf('1')}`]: inUse, 'DELETE /images/': inUse };
  connectEngine(world, createEngine({ containers, images, replies }));
  const saved = new Map<string, Operation>();
  const finished: Operation[] = [];
  const operations = createOperations({
    world,
    history: {
      save: operation => saved.set(operation.id, operation),
      get: id => saved.get(id),
      list: () => [],
    },
    onFinished: operation => finished.push(operation),
    onInternalError: error => assert.fail(String(error)),
  });
  const decision = authorize(
    { kind: 'admin' },
    { action: 'clean', targetKind: 'node', isDryRun: false },
    nodeTarget(node),
  );
  assert.ok(decision.allowed);
  return { world, node, operations, finished, saved, labelToken: decision.labelToken };
}

suite('what a step warns of', () => {
  test('is on the step and, together, on the operation: in events, in the history and at the end', async () => {
    const { operations, labelToken, finished, saved } = setUp();
    const { id } = operations.start(labelToken);
    const events: OperationEvent[] = [];
    operations.watch(id, event => events.push(event));
    const operation = await operations.finished(id);
    assert.equal(operation.status, 'succeeded');
    const codes = operation.steps.map(({ name, warnings = [] }) => [name, warnings.map(({ code }) => code)]);
    assert.deepEqual(codes, [
      ['containers', ['not_removed']],
      ['images', ['not_removed']],
      ['build-cache', []],
    ]);
    assert.deepEqual(
      operation.warnings?.map(({ message }) => message),
      [
        'Chosen to be removed, and still there: name-1 (in use by [redacted])',
        `Chosen to be removed, and still there: x@${idOf('d')} (in use by [redacted])`,
      ],
    );
    assert.deepEqual(
      [saved.get(id)?.warnings, finished[0]?.warnings],
      [operation.warnings, operation.warnings],
    );
    const ofSteps = events.flatMap(event => (event.type === 'step' ? (event.step.warnings ?? []) : []));
    assert.deepEqual(ofSteps, operation.warnings);
    const last = events.at(-1);
    assert.ok(last?.type === 'finished' && last.operation.warnings?.length === 2);
    assert.deepEqual((withoutLogs(operation) as Operation).warnings, operation.warnings, 'lists show it too');
  });

  test('is absent where there is nothing to warn of', async () => {
    const { operations, labelToken } = setUp([]);
    const { id } = operations.start(labelToken);
    const { steps } = await operations.finished(id);
    assert.ok(!('warnings' in (steps.find(({ name }) => name === 'images') ?? assert.fail())));
  });
});
