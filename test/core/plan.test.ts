import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { authorize, redeemLabelToken } from '../../src/core/authorize.ts';
import { isFinished, type Operation, summarizeCaller } from '../../src/core/operation.ts';
import { planOperation } from '../../src/core/plan/index.ts';
import type { Step } from '../../src/core/step.ts';
import { backupDefaults } from './backup-defaults.ts';
import { cleanNodeDefaults, cleanServiceDefaults } from './clean-defaults.ts';
import {
  deliveryCaller,
  digestA,
  image,
  type Labels,
  shopIdentity,
  shopTarget,
  tokenCaller,
  updateTo,
  without,
  workload,
} from './examples.ts';

function plan(labels: Labels = {}, request = updateTo('ghcr.io/acme/shop:v2')): readonly Step[] {
  const decision = authorize(workload(shopIdentity), request, shopTarget({ labels }));
  assert.ok(decision.allowed);
  return planOperation(redeemLabelToken(decision.labelToken), {
    updateTimeoutMs: 60_000,
    cleanService: cleanServiceDefaults,
    cleanNode: cleanNodeDefaults,
    backup: backupDefaults,
  });
}

suite('the plan of an update', () => {
  test('resolves before anything runs, then rolls out', () => {
    assert.deepEqual(plan(), [
      {
        name: 'resolve',
        when: 'on-success',
        timeoutMs: 60_000,
        work: {
          kind: 'resolve-image',
          image: image('ghcr.io/acme/shop:v2'),
          mustMatchTag: false,
          isForce: false,
        },
      },
      { name: 'rollout', when: 'on-success', timeoutMs: 60_000, work: { kind: 'rollout' } },
    ]);
  });

  test('has the hooks of the service around the rollout', () => {
    const steps = plan({
      'exec-pre': 'echo $HOME',
      'exec-post': 'true',
      'exec-post.shell': '/bin/bash',
      'exec-post.timeout': '5',
    });
    assert.deepEqual(
      steps.map(({ name }) => name),
      ['resolve', 'exec-pre', 'rollout', 'exec-post'],
    );
    assert.deepEqual(steps[1]?.work, { kind: 'exec', shell: '/bin/sh', script: 'echo $HOME' });
    assert.equal(steps[1]?.timeoutMs, 60_000);
    assert.deepEqual(steps[3]?.work, { kind: 'exec', shell: '/bin/bash', script: 'true' });
    assert.equal(steps[3]?.timeoutMs, 5);
  });

  test("has the labels' time-outs over the environment's", () => {
    const steps = plan({ timeout: '1_000', 'exec-pre': 'x', 'exec-pre.timeout': '7' });
    assert.deepEqual(
      steps.map(({ timeoutMs }) => timeoutMs),
      [1000, 7, 1000],
    );
  });

  test('carries force, and whether the tag must be that of the digest', () => {
    const pinned = updateTo(`ghcr.io/acme/shop:v2@${digestA}`, true);
    const [resolve] = plan({ 'image-allow': 'ghcr.io/acme/shop:v*' }, pinned);
    assert.deepEqual(resolve?.work, {
      kind: 'resolve-image',
      image: pinned.image,
      mustMatchTag: true,
      isForce: true,
    });
    assert.deepEqual(plan({}, updateTo())[0]?.work, {
      kind: 'resolve-image',
      mustMatchTag: false,
      isForce: false,
    });
  });
});

suite('what operations say of their caller', () => {
  test('is who it is, and never a secret', () => {
    const known = { provider: 'github', repository: 'acme/shop', ref: 'refs/heads/main' };
    assert.deepEqual(summarizeCaller(workload(shopIdentity, { ...shopIdentity, provider: 'github-org' })), {
      kind: 'workload',
      ...known,
      actor: 'alice',
    });
    assert.deepEqual(summarizeCaller(deliveryCaller()), { kind: 'delivery', ...known });
    const little = summarizeCaller(workload(without(without(shopIdentity, 'ref'), 'actor')));
    assert.deepEqual(little, { kind: 'workload', provider: 'github', repository: 'acme/shop' });
    assert.deepEqual(summarizeCaller(tokenCaller('canary')), { kind: 'token' });
    assert.deepEqual(summarizeCaller({ kind: 'admin' }), { kind: 'admin' });
    assert.deepEqual(summarizeCaller({ kind: 'schedule' }), { kind: 'schedule' });
  });
});

test('an operation has finished when it is neither queued nor running', () => {
  const statuses = [
    'queued',
    'running',
    'succeeded',
    'unchanged',
    'failed',
    'rolled_back',
    'timed_out',
    'interrupted',
  ] as const;
  assert.deepEqual(
    statuses.filter(status => isFinished({ status } as Operation)),
    statuses.slice(2),
  );
});
