import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Step, Work } from '../../src/core/step.ts';
import { needsCounts, timeBudgetMs } from '../../src/core/time-budget.ts';

const store = { engine: 'offen', prefix: 'db', target: { kind: 'local' }, retentionDays: 5 } as const;
const exec: Work = { kind: 'exec', shell: '/bin/sh', script: 'true' };
const step = (work: Work, timeoutMs: number): Step => ({
  name: work.kind,
  when: 'on-success',
  timeoutMs,
  work,
});
const none = { pendingMs: 0, extraMs: 0 };
const one = { tasks: 1, nodes: 1 };

suite('the time of an operation', () => {
  test('is that of the example in the original: four tasks, four times exec', () => {
    const clean = [step(exec, 60_000)];
    const allowances = { pendingMs: 20_000, extraMs: 10_000 };
    assert.equal(timeBudgetMs(clean, { tasks: 4, nodes: 4 }, allowances), (60_000 + 20_000) * 4 + 10_000);
  });

  test('is the sum over the steps, and the extra time once', () => {
    const steps = [
      step({ kind: 'clean-containers', isDryRun: false, minAgeMs: 0 }, 1),
      step({ kind: 'clean-build-cache', isDryRun: false, minAgeMs: 0 }, 2),
    ];
    assert.equal(timeBudgetMs(steps, one, { pendingMs: 10, extraMs: 100 }), 11 + 12 + 100);
    assert.equal(needsCounts(steps), false);
    assert.equal(timeBudgetMs([], one, { pendingMs: 10, extraMs: 100 }), 100);
  });

  test('of a backup has each volume on each node, and what is done once, once', () => {
    const steps = [
      step({ kind: 'locate-volumes', volumes: ['data', 'dump'], isStopped: true }, 1),
      step(exec, 10),
      step({ kind: 'stop' }, 100),
      step({ kind: 'upload', store }, 1000),
      step({ kind: 'start' }, 100_000),
      step({ kind: 'verify-backup', store, depth: 'snapshot' }, 1_000_000),
      step({ kind: 'forget-backups', store }, 10_000_000),
    ];
    assert.equal(timeBudgetMs(steps, { tasks: 3, nodes: 2 }, none), 14_104_131);
    assert.equal(needsCounts(steps), true);
  });

  test('of a restore has each volume on each node', () => {
    const find = step({ kind: 'find-backup', store, volumes: ['a', 'b', 'c'], isStopped: true }, 1);
    const fetch = step({ kind: 'fetch-backup', store }, 10);
    const swap = step({ kind: 'swap-volumes' }, 100);
    assert.equal(timeBudgetMs([find, fetch, swap], { tasks: 0, nodes: 2 }, none), 661);
    const drill = step({ kind: 'drill-restore', store }, 1000);
    assert.equal(timeBudgetMs([find, drill], { tasks: 5, nodes: 1 }, none), 3001);
  });

  test('of a service that sleeps is that of one task on one node', () => {
    const steps = [step(exec, 1), step({ kind: 'upload', store }, 10)];
    assert.equal(timeBudgetMs(steps, { tasks: 0, nodes: 0 }, none), 11);
  });
});
