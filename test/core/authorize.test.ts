import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { VerifiedIdentity } from '../../providers/provider.ts';
import { authorize, type DenyReason, mayRead, visibilityOf } from '../../src/core/authorize.ts';
import type { Caller } from '../../src/core/operation.ts';
import {
  answer,
  deliveryCaller,
  digestA,
  gitlabIdentity,
  type Labels,
  shopIdentity,
  shopTarget,
  shopWebhookIdentity,
  targetWith,
  tokenCaller,
  updateTo,
  without,
  workload,
} from './examples.ts';

const admin: Caller = { kind: 'admin' };
const gitlabLabels: Labels = {
  enable: 'true',
  'gitlab.repository': 'acme/shop',
  'gitlab.ref': 'refs/heads/main',
};

interface Case {
  readonly says: string;
  readonly caller: Caller;
  readonly labels?: Labels;
  readonly image?: string;
  readonly expected: 'allowed' | DenyReason;
}

function check(name: string, cases: readonly Case[]): void {
  suite(name, () => {
    for (const { says, caller, labels = {}, image, expected } of cases) {
      test(`${says}: ${expected}`, () => {
        assert.equal(answer(caller, shopTarget({ labels }), updateTo(image)), expected);
      });
    }
  });
}

check('who may', [
  { says: 'an admin', caller: admin, expected: 'allowed' },
  { says: 'the schedule', caller: { kind: 'schedule' }, expected: 'allowed' },
  {
    says: "the service's token",
    caller: tokenCaller('a'),
    labels: { token: 'a' },
    expected: 'allowed',
  },
  { says: 'a workload of the grant', caller: workload(shopIdentity), expected: 'allowed' },
  {
    says: 'a webhook that is asked for',
    caller: deliveryCaller(),
    labels: { 'github.on': 'push' },
    expected: 'allowed',
  },
  {
    says: 'one of several repositories and refs',
    caller: workload({ ...shopIdentity, repository: 'acme/Till', ref: 'refs/tags/v1.2' }),
    labels: { 'github.repository': 'acme/shop, ACME/till', 'github.ref': 'refs/heads/main,refs/tags/v*' },
    expected: 'allowed',
  },
  {
    says: 'the second identity of a token, by the grant of its own provider',
    caller: workload(shopIdentity, { ...shopIdentity, provider: 'github-org' }),
    labels: {
      'github.repository': 'acme/other',
      'github-org.repository': 'acme/*',
      'github-org.ref': 'refs/heads/main',
    },
    expected: 'allowed',
  },
  {
    says: 'an environment in place of a ref',
    caller: workload({ ...shopIdentity, ref: 'refs/heads/any', environment: 'production' }),
    labels: { 'github.ref': 'refs/heads/*', 'github.environment': 'production' },
    expected: 'allowed',
  },
  {
    says: 'the id and the name together',
    caller: workload(shopIdentity),
    labels: { 'github.repository-id': '7,1001' },
    expected: 'allowed',
  },
  {
    says: 'the exact workflow',
    caller: workload(shopIdentity),
    labels: { 'github.workflow': shopIdentity.workflow },
    expected: 'allowed',
  },
]);

check('who may not, and why', [
  {
    says: 'a token where none is set',
    caller: tokenCaller('a'),
    expected: 'token_mismatch',
  },
  {
    says: 'another token',
    caller: tokenCaller('b'),
    labels: { token: 'a' },
    expected: 'token_mismatch',
  },
  {
    says: 'a token of another action of the same service',
    caller: tokenCaller('backup'),
    labels: { token: 'update' },
    expected: 'token_mismatch',
  },
  { says: 'a provider without a grant', caller: workload(gitlabIdentity), expected: 'no_grant' },
  {
    says: 'another repository',
    caller: workload({ ...shopIdentity, repository: 'acme/blog' }),
    expected: 'repository_mismatch',
  },
  {
    says: 'another id under the same name: the name was recycled',
    caller: workload({ ...shopIdentity, repositoryId: '9999' }),
    labels: { 'github.repository-id': '1001' },
    expected: 'repository_id_mismatch',
  },
  {
    says: 'another name under the same id',
    caller: workload({ ...shopIdentity, repository: 'acme/renamed' }),
    labels: { 'github.repository-id': '1001' },
    expected: 'repository_mismatch',
  },
  {
    says: 'another branch',
    caller: workload({ ...shopIdentity, ref: 'refs/heads/feature' }),
    expected: 'ref_mismatch',
  },
  {
    says: 'another environment',
    caller: workload({ ...shopIdentity, environment: 'staging' }),
    labels: { 'github.environment': 'production' },
    expected: 'environment_mismatch',
  },
  {
    says: 'an environment in another case: it is compared exactly',
    caller: workload({ ...shopIdentity, environment: 'Production' }),
    labels: { 'github.environment': 'production' },
    expected: 'environment_mismatch',
  },
  {
    says: 'the right environment on the wrong branch',
    caller: workload({ ...shopIdentity, ref: 'refs/heads/feature', environment: 'production' }),
    labels: { 'github.environment': 'production' },
    expected: 'ref_mismatch',
  },
  ...[
    'pull_request',
    'pull_request_target',
    'workflow_run',
    'schedule',
    'issue_comment',
    'repository_dispatch',
    'merge_group',
    '',
    'PUSH',
    'push ',
  ].map(startedBy => ({
    says: `a pipeline started by ${JSON.stringify(startedBy)}`,
    caller: workload({ ...shopIdentity, startedBy }),
    expected: 'event_not_allowed' as const,
  })),
  ...[
    'merge_request_event',
    'external_pull_request_event',
    'schedule',
    'api',
    'trigger',
    'parent_pipeline',
  ].map(startedBy => ({
    says: `a GitLab pipeline started by ${startedBy}`,
    caller: workload({ ...gitlabIdentity, startedBy }),
    labels: gitlabLabels,
    expected: 'event_not_allowed' as const,
  })),
  {
    says: 'another workflow',
    caller: workload(shopIdentity),
    labels: { 'github.workflow': `${shopIdentity.workflow}-evil` },
    expected: 'workflow_mismatch',
  },
  {
    says: 'the workflow in another case',
    caller: workload(shopIdentity),
    labels: { 'github.workflow': shopIdentity.workflow.toUpperCase() },
    expected: 'workflow_mismatch',
  },
  {
    says: 'a ref of GitLab that is not protected',
    caller: workload({ ...gitlabIdentity, refProtected: false }),
    labels: gitlabLabels,
    expected: 'ref_not_protected',
  },
  {
    says: 'a webhook where none is asked for',
    caller: deliveryCaller(),
    expected: 'webhook_not_subscribed',
  },
  {
    says: 'a webhook of another event',
    caller: deliveryCaller({ event: 'release' }),
    labels: { 'github.on': 'push,package' },
    expected: 'webhook_not_subscribed',
  },
  {
    says: 'an action that is not on',
    caller: workload(shopIdentity),
    labels: { enable: 'false' },
    expected: 'action_not_enabled',
  },
  {
    says: 'an admin where the action is not on',
    caller: admin,
    labels: { enable: 'false' },
    expected: 'action_not_enabled',
  },
  {
    says: 'a fault in the labels',
    caller: workload(shopIdentity),
    labels: { timeout: 'soon' },
    expected: 'label_fault',
  },
  {
    says: 'an admin on faulty labels',
    caller: admin,
    labels: { 'image-alow': 'ghcr.io/acme/shop' },
    expected: 'label_fault',
  },
  {
    says: 'an image from elsewhere',
    caller: workload(shopIdentity),
    image: 'ghcr.io/evil/shop:1',
    expected: 'image_not_allowed',
  },
  {
    says: 'a package without a tag pattern',
    caller: deliveryCaller({ event: 'package', identity: without(shopWebhookIdentity, 'ref') }),
    labels: { 'github.on': 'package' },
    expected: 'package_needs_tag_pattern',
  },
]);

suite('what a grant names and the platform does not say never matches', () => {
  const labels = {
    'github.repository-id': '1001',
    'github.environment': 'production',
    'github.workflow': shopIdentity.workflow,
  };
  const whole: VerifiedIdentity = { ...shopIdentity, environment: 'production' };
  const reasons = {
    repositoryId: 'repository_id_mismatch',
    ref: 'ref_mismatch',
    environment: 'environment_mismatch',
    startedBy: 'event_not_allowed',
    workflow: 'workflow_mismatch',
  } as const;
  test('the whole identity is allowed', () => {
    assert.equal(answer(workload(whole), shopTarget({ labels })), 'allowed');
  });
  for (const [field, reason] of Object.entries(reasons)) {
    test(`without ${field}, and with an empty one`, () => {
      const { [field as keyof typeof reasons]: _, ...absent } = whole;
      assert.equal(answer(workload(absent), shopTarget({ labels })), reason);
      assert.equal(answer(workload({ ...absent, [field]: '' }), shopTarget({ labels })), reason);
    });
  }

  test('whether the ref is protected must be said, unless the label does without', () => {
    const unsaid = workload(without(gitlabIdentity, 'refProtected'));
    assert.equal(answer(unsaid, targetWith(gitlabLabels)), 'ref_not_protected');
    const lenient = { ...gitlabLabels, 'gitlab.ref-protected': 'false' };
    assert.equal(answer(unsaid, targetWith(lenient)), 'allowed');
    assert.equal(answer(workload(gitlabIdentity), targetWith(gitlabLabels)), 'allowed');
  });

  test('GitHub knows no protected refs, and is not asked for any', () => {
    assert.equal(answer(workload({ ...shopIdentity, refProtected: false })), 'allowed');
  });
});

suite('webhooks', () => {
  test('an id that is only claimed narrows a grant by name, and never replaces the name', () => {
    const on = { 'github.on': 'push' };
    const both = shopTarget({ labels: { ...on, 'github.repository-id': '1001' } });
    assert.equal(answer(deliveryCaller(), both), 'allowed');
    const otherClaim = { ...shopWebhookIdentity, claimedRepositoryId: '1002' };
    assert.equal(answer(deliveryCaller({ identity: otherClaim }), both), 'repository_id_mismatch');
    const idAlone = targetWith({
      ...on,
      enable: 'true',
      'github.on': 'push',
      'github.repository-id': '1001',
      'github.ref': 'refs/heads/main',
    });
    assert.equal(answer(deliveryCaller(), idAlone), 'repository_id_mismatch');
    const evil = { ...shopWebhookIdentity, repository: 'evil/shop' };
    assert.equal(answer(deliveryCaller({ identity: evil }), both), 'repository_mismatch');
    assert.equal(answer(deliveryCaller({ identity: evil }), idAlone), 'repository_id_mismatch');
    // What is proved is not overruled by what is claimed.
    const proved = { ...shopWebhookIdentity, repositoryId: '1002' };
    assert.equal(answer(deliveryCaller({ identity: proved }), both), 'repository_id_mismatch');
  });

  test('pipeline events must say what started the pipeline, others need not', () => {
    const gitlab = { ...gitlabLabels, 'gitlab.on': 'pipeline,job,push,tag_push,deployment,release' };
    const silent = without(gitlabIdentity, 'startedBy');
    for (const event of ['job', 'push', 'tag_push', 'deployment', 'release'] as const) {
      assert.equal(answer(deliveryCaller({ event, identity: silent }), targetWith(gitlab)), 'allowed', event);
      const byMergeRequest = { ...silent, startedBy: 'merge_request_event' };
      assert.equal(
        answer(deliveryCaller({ event, identity: byMergeRequest }), targetWith(gitlab)),
        'event_not_allowed',
        event,
      );
    }
    assert.equal(
      answer(deliveryCaller({ event: 'pipeline', identity: silent }), targetWith(gitlab)),
      'event_not_allowed',
    );
    assert.equal(
      answer(
        deliveryCaller({ event: 'workflow_run' }),
        shopTarget({ labels: { 'github.on': 'workflow_run' } }),
      ),
      'event_not_allowed',
    );
    const run = { ...shopWebhookIdentity, startedBy: 'push' };
    assert.equal(
      answer(
        deliveryCaller({ event: 'workflow_run', identity: run }),
        shopTarget({ labels: { 'github.on': 'workflow_run' } }),
      ),
      'allowed',
    );
  });

  test('a package counts by the tag pattern that stands for its ref', () => {
    const identity = without(shopWebhookIdentity, 'ref');
    for (const event of ['package', 'registry_package'] as const) {
      const caller = deliveryCaller({ event, identity });
      const ask = (allow: string | undefined, image: string) =>
        answer(
          caller,
          shopTarget({ labels: { 'github.on': event, ...(allow && { 'image-allow': allow }) } }),
          updateTo(image),
        );
      const image = `ghcr.io/acme/shop:v1@${digestA}`;
      assert.equal(ask('ghcr.io/acme/shop:v*', image), 'allowed');
      assert.equal(ask('ghcr.io/acme/shop:v*', 'ghcr.io/acme/shop:pr-1'), 'image_not_allowed');
      assert.equal(ask('ghcr.io/acme/shop', image), 'package_needs_tag_pattern');
      assert.equal(ask('ghcr.io/acme/*', image), 'package_needs_tag_pattern');
      assert.equal(ask('*', image), 'package_needs_tag_pattern');
      assert.equal(ask(undefined, image), 'package_needs_tag_pattern');
    }
  });

  test('a package never satisfies an environment or a workflow', () => {
    const caller = deliveryCaller({ event: 'package', identity: without(shopWebhookIdentity, 'ref') });
    const labels = { 'github.on': 'package', 'image-allow': 'ghcr.io/acme/shop:v*' };
    const ask = (more: Labels) =>
      answer(caller, shopTarget({ labels: { ...labels, ...more } }), updateTo('ghcr.io/acme/shop:v1'));
    assert.equal(ask({ 'github.environment': 'production' }), 'environment_mismatch');
    assert.equal(ask({ 'github.workflow': shopIdentity.workflow }), 'workflow_mismatch');
  });

  test('the label `on` is for webhooks: a token needs none, and does not become one by it', () => {
    assert.equal(
      answer(workload(shopIdentity), shopTarget({ labels: { 'github.on': 'release' } })),
      'allowed',
    );
  });
});

suite('images', () => {
  test('by default they come from the repository of the running one', () => {
    const caller = workload(shopIdentity);
    assert.equal(answer(caller, shopTarget(), updateTo('ghcr.io/acme/shop:2')), 'allowed');
    assert.equal(answer(caller, shopTarget(), updateTo('ghcr.io/acme/shop2:2')), 'image_not_allowed');
    assert.equal(answer(caller, shopTarget(), updateTo('docker.io/acme/shop:2')), 'image_not_allowed');
  });

  test('admins are bound by no pattern, others are, the schedule too', () => {
    const target = shopTarget({ labels: { 'image-allow': 'ghcr.io/acme/shop:v*', token: 'a' } });
    assert.equal(answer(admin, target, updateTo('evil.test/x')), 'allowed');
    for (const caller of [workload(shopIdentity), tokenCaller('a'), { kind: 'schedule' } as const]) {
      assert.equal(answer(caller, target, updateTo('evil.test/x')), 'image_not_allowed');
    }
  });

  test('a service that runs no reference needs an image to be named', () => {
    const id = 'c'.repeat(64);
    assert.equal(answer(workload(shopIdentity), shopTarget({ image: id })), 'image_not_allowed');
    assert.equal(answer(admin, shopTarget({ image: id })), 'allowed');
  });
});

suite('what is said of a denial', () => {
  const visibilities: Readonly<Record<DenyReason, string>> = {
    token_mismatch: 'hidden',
    no_grant: 'hidden',
    repository_mismatch: 'hidden',
    repository_id_mismatch: 'hidden',
    ref_mismatch: 'explained',
    environment_mismatch: 'explained',
    event_not_allowed: 'explained',
    workflow_mismatch: 'explained',
    ref_not_protected: 'explained',
    webhook_not_subscribed: 'explained',
    package_needs_tag_pattern: 'explained',
    action_not_enabled: 'open',
    label_fault: 'open',
    image_not_allowed: 'open',
    volume_not_allowed: 'open',
    node_not_allowed: 'open',
    force_not_allowed: 'open',
  };
  for (const [reason, visibility] of Object.entries(visibilities)) {
    test(`${reason} is ${visibility}`, () => assert.equal(visibilityOf(reason as DenyReason), visibility));
  }

  test('faults and switches are told to callers who may, and to no others', () => {
    const faulty = { timeout: 'soon', enable: 'false' };
    const stranger = workload({ ...shopIdentity, repository: 'evil/shop' });
    assert.equal(answer(stranger, shopTarget({ labels: faulty })), 'repository_mismatch');
    assert.equal(
      answer(tokenCaller('x'), shopTarget({ labels: { ...faulty, token: 'a' } })),
      'token_mismatch',
    );
  });

  test('the reason is that of the grant which got furthest, and every finding is there', () => {
    const target = shopTarget({
      labels: { 'github-org.repository': 'acme/other', 'github-org.ref': 'refs/heads/main' },
    });
    const elsewhere: VerifiedIdentity = { ...shopIdentity, ref: 'refs/heads/feature' };
    const decision = authorize(
      workload({ ...elsewhere, provider: 'github-org' }, elsewhere),
      updateTo(),
      target,
    );
    assert.ok(!decision.allowed);
    assert.equal(decision.reason, 'ref_mismatch');
    assert.deepEqual(
      decision.findings.map(({ reason }) => reason),
      ['repository_mismatch', 'ref_mismatch'],
    );
  });

  test('messages name what is and what is wanted, and no secret', () => {
    const target = shopTarget({ labels: { token: 'canary-token', 'registry.password': 'canary-password' } });
    const callers = [
      tokenCaller('canary-presented'),
      workload({ ...shopIdentity, ref: 'refs/heads/feature' }),
      workload(without(shopIdentity, 'ref')),
      deliveryCaller(),
    ];
    const messages = callers.map(caller => {
      const decision = authorize(caller, updateTo(), target);
      return decision.allowed ? '' : decision.findings.map(({ message }) => message).join();
    });
    assert.match(messages[0] ?? '', /swarm-utils\.update\.token/);
    assert.match(messages[1] ?? '', /refs\/heads\/feature, not refs\/heads\/main/);
    assert.match(messages[2] ?? '', /not given/);
    assert.doesNotMatch(messages.join(), /canary/);
  });
});

suite('who may read', () => {
  const labels = { 'swarm-utils.backup.token': 'b', 'swarm-utils.update.token': 'u' };
  test('whoever may do anything, enabled or not', async () => {
    const { serviceTarget } = await import('../../src/core/target.ts');
    const target = serviceTarget({ id: 'x', name: 'x', image: 'x', labels });
    assert.equal(mayRead(tokenCaller('b'), target), true);
    assert.equal(mayRead(tokenCaller('u'), target), true);
    assert.equal(mayRead(admin, target), true);
    assert.equal(mayRead(tokenCaller('x'), target), false);
    assert.equal(mayRead(workload(shopIdentity), target), false);
  });

  test('an identity by its whole grant: a pull request of the same repository may not', () => {
    assert.equal(mayRead(workload(shopIdentity), shopTarget()), true);
    assert.equal(mayRead(workload({ ...shopIdentity, startedBy: 'pull_request' }), shopTarget()), false);
    assert.equal(mayRead(workload({ ...shopIdentity, ref: 'refs/heads/x' }), shopTarget()), false);
  });

  test('a grant with a misspelt label lets nobody read', () => {
    const target = shopTarget({ labels: { 'github.workflw': 'x' } });
    assert.equal(mayRead(workload(shopIdentity), target), false);
  });
});
