import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { WebhookEvent } from '../../providers/provider.ts';
import { answer, deliveryCaller, shopWebhookIdentity, targetWith } from './examples.ts';

const main = { ref: 'refs/heads/main' };
const gitlabWebhook = { provider: 'gitlab', repository: 'acme/shop', ...main, refProtected: true } as const;
const githubWebhook = { ...shopWebhookIdentity, ...main };

function ask(event: WebhookEvent, startedBy: string | undefined, written: string | undefined) {
  const identity = event === 'job' || event === 'pipeline' ? gitlabWebhook : githubWebhook;
  const { provider } = identity;
  const target = targetWith({
    enable: 'true',
    [`${provider}.repository`]: 'acme/shop',
    [`${provider}.ref`]: 'refs/heads/main',
    [`${provider}.on`]: event,
    ...(written !== undefined && { [`${provider}.event`]: written }),
  });
  const caller = deliveryCaller({ event, identity: { ...identity, ...(startedBy && { startedBy }) } });
  return answer(caller, target);
}

suite('what started the pipeline', () => {
  test('must be said by jobs, and match, where the label `event` is written', () => {
    assert.equal(ask('job', undefined, 'push'), 'event_not_allowed');
    assert.equal(ask('job', 'schedule', 'push'), 'event_not_allowed');
    assert.equal(ask('job', 'push', 'push'), 'allowed');
  });

  test('need not be said by deployments, which go by environment or ref, and must match where it is said', () => {
    assert.equal(ask('deployment', undefined, 'push'), 'allowed');
    assert.equal(ask('deployment', 'push', 'push'), 'allowed');
    assert.equal(ask('deployment', 'schedule', 'push'), 'event_not_allowed');
  });

  test('need not be said by jobs and deployments where it is not, and must match where it is said', () => {
    for (const event of ['job', 'deployment'] as const) {
      assert.equal(ask(event, undefined, undefined), 'allowed', event);
      assert.equal(ask(event, 'push', undefined), 'allowed', event);
      assert.equal(ask(event, 'schedule', undefined), 'event_not_allowed', event);
    }
  });

  test('is written also where it is what the default says', () => {
    assert.equal(ask('job', undefined, 'push,web'), 'event_not_allowed');
  });

  test('must always be said by pipelines', () => {
    for (const event of ['pipeline', 'workflow_run'] as const) {
      assert.equal(ask(event, undefined, undefined), 'event_not_allowed', event);
      assert.equal(ask(event, undefined, 'push'), 'event_not_allowed', event);
      assert.equal(ask(event, 'push', undefined), 'allowed', event);
    }
  });

  test('is nothing that a push or a release must say', () => {
    for (const event of ['push', 'release'] as const) {
      assert.equal(ask(event, undefined, 'schedule'), 'allowed', event);
    }
  });
});
