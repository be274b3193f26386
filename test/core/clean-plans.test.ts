import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { authorize, mayRead, redeemLabelToken } from '../../src/core/authorize.ts';
import { parseImagePattern } from '../../src/core/image-policy.ts';
import type { ActionRequest, Caller, CleanNodeRequest } from '../../src/core/operation.ts';
import { type PlanDefaults, planOperation } from '../../src/core/plan/index.ts';
import { nodeTarget, serviceTarget, type Target } from '../../src/core/target.ts';
import { backupDefaults } from './backup-defaults.ts';
import { cleanNodeDefaults, cleanServiceDefaults } from './clean-defaults.ts';
import { deliveryCaller, shopIdentity, tokenCaller, updateTo, workload } from './examples.ts';

const cleanService = { action: 'clean', targetKind: 'service' } as const;
const cleanNode: CleanNodeRequest = { action: 'clean', targetKind: 'node', isDryRun: false };
const admin: Caller = { kind: 'admin' };
const defaults: PlanDefaults = {
  updateTimeoutMs: 1,
  cleanService: cleanServiceDefaults,
  cleanNode: cleanNodeDefaults,
  backup: backupDefaults,
};

type Labels = Readonly<Record<string, string>>;
const prefixed = (labels: Labels) =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [`swarm-utils.clean.${key}`, value]));
const service = (labels: Labels = {}) =>
  serviceTarget({
    id: 'cache-id',
    name: 'cache',
    image: 'acme/cache:1',
    labels: prefixed({ enable: 'true', exec: 'rm -rf /cache/*', ...labels }),
  });
const node = (labels: Labels = {}) =>
  nodeTarget({ id: 'node-1', hostname: 'worker-1', labels: prefixed(labels) });

function plan(request: ActionRequest, target: Target, change: Partial<PlanDefaults> = {}) {
  const decision = authorize(admin, request, target);
  assert.ok(decision.allowed);
  return planOperation(redeemLabelToken(decision.labelToken), { ...defaults, ...change });
}

function answer(caller: Caller, request: ActionRequest, target: Target): string {
  const decision = authorize(caller, request, target);
  return decision.allowed ? 'allowed' : decision.reason;
}

suite('the plan of a clean of a service', () => {
  test('runs its text in its containers', () => {
    assert.deepEqual(plan(cleanService, service()), [
      {
        name: 'exec',
        when: 'on-success',
        timeoutMs: 60_000,
        work: {
          kind: 'exec',
          shell: '/bin/sh',
          script: 'rm -rf /cache/*',
          isSequential: false,
          passesOverVanished: true,
        },
      },
    ]);
  });

  test("has the labels' shell, time-out and order over the environment's", () => {
    const change = { cleanService: { shell: '/bin/ash', execTimeoutMs: 5 } };
    const [step] = plan(cleanService, service(), change);
    assert.ok(step?.work.kind === 'exec');
    assert.deepEqual([step.work.shell, step.timeoutMs], ['/bin/ash', 5]);
    const labels = { 'exec.shell': '/bin/bash', 'exec.timeout': '7', 'exec.parallel': 'false', timeout: '9' };
    const [own] = plan(cleanService, service(labels), change);
    assert.ok(own?.work.kind === 'exec');
    assert.deepEqual([own.work.shell, own.timeoutMs, own.work.isSequential], ['/bin/bash', 7, true]);
    assert.equal(plan(cleanService, service({ timeout: '9' }), change)[0]?.timeoutMs, 9);
  });
});

suite('the plan of a clean of a node', () => {
  test('is containers, images, build cache; each whatever became of the one before', () => {
    assert.deepEqual(plan({ ...cleanNode, isDryRun: true }, node()), [
      {
        name: 'containers',
        when: 'always',
        timeoutMs: 60_000,
        work: { kind: 'clean-containers', isDryRun: true, minAgeMs: 0 },
      },
      {
        name: 'images',
        when: 'always',
        timeoutMs: 60_000,
        work: { kind: 'clean-images', isDryRun: true, minAgeMs: 0, keep: [] },
      },
      {
        name: 'build-cache',
        when: 'always',
        timeoutMs: 60_000,
        work: { kind: 'clean-build-cache', isDryRun: true, minAgeMs: 0 },
      },
    ]);
  });

  test('ends with what the labels bring, in its own time', () => {
    const change = { cleanNode: { ...cleanNodeDefaults, execTimeoutMs: 5 } };
    const last = (labels: Labels, isDryRun = false) =>
      plan({ ...cleanNode, isDryRun }, node(labels), change).at(-1);
    assert.deepEqual(last({ exec: 'fstrim /' }), {
      name: 'exec',
      when: 'always',
      timeoutMs: 5,
      work: { kind: 'node-exec', isDryRun: false, shell: '/bin/sh', script: 'fstrim /' },
    });
    const own = last({ exec: 'fstrim /', 'exec.shell': '/bin/ash', 'exec.timeout': '7' }, true);
    assert.ok(own?.work.kind === 'node-exec');
    assert.deepEqual([own.timeoutMs, own.work.shell, own.work.isDryRun], [7, '/bin/ash', true]);
    assert.equal(last({ 'exec.shell': '/bin/ash' })?.name, 'build-cache');
  });

  test("has the labels' settings over the environment's, and keeps what either names", () => {
    const keep = [parseImagePattern('alpine')].filter(pattern => pattern !== undefined);
    const steps = plan(
      cleanNode,
      node({
        'container.enable': 'false',
        'image.timeout': '5',
        'image.min-age': '6',
        'image.keep': 'busybox',
      }),
      { cleanNode: { ...cleanNodeDefaults, minAgeMs: { container: 1, image: 2, builder: 3 }, keep } },
    );
    assert.deepEqual(
      steps.map(({ name, timeoutMs }) => [name, timeoutMs]),
      [
        ['images', 5],
        ['build-cache', 60_000],
      ],
    );
    const [images, cache] = steps;
    assert.ok(images?.work.kind === 'clean-images' && cache?.work.kind === 'clean-build-cache');
    assert.equal(images.work.minAgeMs, 6);
    assert.deepEqual(
      images.work.keep.map(pattern => pattern.kind === 'image' && pattern.repository),
      ['library/alpine', 'library/busybox'],
    );
    assert.equal(cache.work.minAgeMs, 3);
  });
});

suite('who may clean a service', () => {
  const granted = {
    'github.repository': 'acme/shop',
    'github.ref': 'refs/heads/main',
    'github.on': 'push,package',
    token: 'clean-token',
  };

  test('is who its own labels of clean name', () => {
    assert.equal(answer(workload(shopIdentity), cleanService, service(granted)), 'allowed');
    assert.equal(answer(tokenCaller('clean-token'), cleanService, service(granted)), 'allowed');
    assert.equal(answer(deliveryCaller(), cleanService, service(granted)), 'allowed');
    assert.equal(answer({ kind: 'schedule' }, cleanService, service()), 'allowed');
    assert.equal(
      answer(workload({ ...shopIdentity, repository: 'acme/blog' }), cleanService, service(granted)),
      'repository_mismatch',
    );
    assert.equal(answer(tokenCaller('other'), cleanService, service(granted)), 'token_mismatch');
    assert.equal(answer(workload(shopIdentity), cleanService, service()), 'no_grant');
  });

  test('and not who may update it, nor the other way round', () => {
    assert.equal(answer(tokenCaller('clean-token'), updateTo(), service(granted)), 'token_mismatch');
    assert.equal(answer(workload(shopIdentity), updateTo(), service(granted)), 'no_grant');
  });

  test('an event without a ref proves too little', () => {
    for (const event of ['package', 'registry_package'] as const) {
      const target = service({ ...granted, 'github.on': event });
      assert.equal(answer(deliveryCaller({ event }), cleanService, target), 'event_not_allowed');
    }
  });

  test('nobody, where it is not enabled or has nothing to run', () => {
    assert.equal(answer(admin, cleanService, service({ enable: 'false' })), 'action_not_enabled');
    const empty = serviceTarget({ id: 'a', name: 'a', image: 'a', labels: prefixed({ enable: 'true' }) });
    assert.equal(answer(admin, cleanService, empty), 'label_fault');
    assert.equal(answer(admin, cleanService, service({ 'exec.paralel': 'false' })), 'label_fault');
  });
});

suite('who may clean a node', () => {
  test('is an admin, the clock and the token of that node', () => {
    assert.equal(answer(admin, cleanNode, node()), 'allowed');
    assert.equal(answer({ kind: 'schedule' }, cleanNode, node()), 'allowed');
    assert.equal(answer(tokenCaller('node-token'), cleanNode, node({ token: 'node-token' })), 'allowed');
    assert.equal(
      answer(tokenCaller('node-token'), cleanNode, node({ token: 'other-token' })),
      'token_mismatch',
    );
    assert.equal(answer(tokenCaller(''), cleanNode, node()), 'token_mismatch');
  });

  test('and no pipeline, whatever it proves', () => {
    assert.equal(answer(workload(shopIdentity), cleanNode, node()), 'no_grant');
    assert.equal(answer(deliveryCaller(), cleanNode, node()), 'no_grant');
  });

  test('nobody, where its labels turn it off or have faults', () => {
    assert.equal(answer(admin, cleanNode, node({ enable: 'false' })), 'action_not_enabled');
    assert.equal(answer(admin, cleanNode, node({ 'exec.timeout': '1s' })), 'label_fault');
    assert.equal(answer(admin, cleanNode, node({ exce: 'true' })), 'label_fault');
    assert.equal(answer(admin, cleanNode, node({ 'image.enabel': 'false' })), 'label_fault');
  });

  test('who may clean it may read it', () => {
    assert.equal(mayRead(tokenCaller('node-token'), node({ token: 'node-token' })), true);
    assert.equal(mayRead(tokenCaller('node-token'), node()), false);
    assert.equal(mayRead(workload(shopIdentity), node()), false);
  });
});

test('a request for one kind of target never goes with the other', () => {
  assert.throws(() => authorize(admin, cleanNode, service()), TypeError);
  assert.throws(() => authorize(admin, cleanService, node()), TypeError);
  assert.throws(() => authorize(admin, updateTo(), node()), TypeError);
});
