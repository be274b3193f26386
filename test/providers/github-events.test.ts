import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readGithubWebhook } from '../../providers/github-events.ts';
import type { Delivery, IgnoredDelivery } from '../../providers/provider.ts';
import {
  acmeShop,
  githubDeployment,
  githubDigest,
  githubPackage,
  githubPush,
  githubRelease,
  githubSha,
  githubWorkflowRun,
} from '../fixtures/github-payloads.ts';

type Payload = Record<string, unknown>;
/** Names that git has not, or that nobody could read. */
const oddRefs = {
  'a ref with a line break': 'main\nx',
  'a ref with a wildcard': '*',
  'a ref that climbs': '../tags/v1',
  'a ref with a direction mark': 'ma\u202ein',
  'a ref with a space': 'main\u00a0',
  'a ref of 2000 characters': 'x'.repeat(2000),
};
const foreign = { head_repository: { id: 1 } };

function readWebhook(event: string, body: Payload): Delivery | IgnoredDelivery {
  return readGithubWebhook({ provider: 'github', event, body, bytes: Buffer.from(JSON.stringify(body)) });
}

function delivery(event: string, body: Payload): Delivery {
  const read = readWebhook(event, body);
  assert.ok(read.kind === 'delivery', read.kind === 'ignored' ? read.reason : '');
  return read;
}

/** What a delivery says beside who sent it. */
function facts(event: string, body: Payload): Record<string, unknown> {
  const { kind, event: _, replayKey, identity, ...rest } = delivery(event, body);
  const { provider, repository, claimedRepositoryId, actor, ...claims } = identity;
  return { ...rest, ...claims };
}

function reason(event: string, body: Payload): string {
  const read = readWebhook(event, body);
  assert.ok(read.kind === 'ignored', 'it is a delivery');
  assert.equal(read.event, event);
  return read.reason;
}

const isMalformed = (event: string, body: Payload) =>
  assert.throws(() => readWebhook(event, body), { name: 'ProviderError', code: 'malformed' });

describe('push', () => {
  test('of a branch is compared by its ref', () => {
    const expected = { ref: 'refs/heads/main', branch: 'main', sha: githubSha };
    assert.deepEqual(facts('push', githubPush()), expected);
  });

  test('of an annotated tag has the commit, not the tag object', () => {
    const payload = githubPush({ ref: 'refs/tags/v1', after: 'a'.repeat(40) });
    assert.deepEqual(facts('push', payload), { ref: 'refs/tags/v1', tag: 'v1', sha: githubSha });
  });

  test('without a head commit has what was pushed', () => {
    assert.equal(facts('push', githubPush({ head_commit: null, after: 'b'.repeat(40) })).sha, 'b'.repeat(40));
  });

  test('that deletes starts nothing', () => {
    assert.equal(reason('push', githubPush({ deleted: true })), 'The ref was deleted.');
    assert.equal(reason('push', githubPush({ after: '0'.repeat(40) })), 'The ref was deleted.');
  });

  test('of other refs starts nothing', () => {
    for (const ref of ['refs/notes/commits', 'main', 'refs/pull/1/merge']) {
      assert.match(reason('push', githubPush({ ref })), /neither a branch nor a tag/);
    }
  });

  for (const [what, ref] of Object.entries(oddRefs)) {
    test(`of ${what} starts nothing, and is no fault`, () => {
      assert.match(reason('push', githubPush({ ref: `refs/heads/${ref}` })), /oddly named/);
    });
  }

  for (const [what, overrides] of Object.entries({
    'a ref that is a list': { ref: ['refs/heads/main'] },
    'no commit': { after: undefined },
    'an odd commit': { head_commit: { id: 'main' } },
    'an odd flag': { deleted: 'no' },
    'a repository without an id': { repository: { full_name: 'acme/shop' } },
    'a repository with an odd id': { repository: { full_name: 'acme/shop', id: 1.5 } },
    'a sender with a line break': { sender: { login: 'a\nb' } },
  })) {
    test(`with ${what} is malformed`, () => isMalformed('push', githubPush(overrides)));
  }
});

describe('an event', () => {
  const bodies: Record<string, Payload> = {
    push: githubPush(),
    package: githubPackage('package'),
    registry_package: githubPackage('registry_package'),
    workflow_run: githubWorkflowRun(),
    release: githubRelease(),
    deployment: githubDeployment({}, acmeShop, { run: {} }),
    deployment_status: { ...githubDeployment(), deployment_status: { state: 'success' } },
    workflow_job: { ...githubWorkflowRun(), workflow_run: undefined, workflow_job: {} },
    pull_request: { ...githubPush(), pull_request: {}, action: 'opened' },
  };
  const starting = ['push', 'package', 'registry_package', 'workflow_run', 'release', 'deployment'];

  for (const event of starting) {
    test(`is never ${event} because its unsigned header says so`, () => {
      for (const [other, body] of Object.entries(bodies)) {
        if (other !== event) {
          isMalformed(event, body);
        }
      }
      assert.equal(readWebhook(event, bodies[event] ?? {}).kind, 'delivery');
    });
  }

  test('may say that it is about nothing else', () => {
    const body = { ...githubWorkflowRun(), deployment: null };
    assert.equal(readWebhook('workflow_run', body).kind, 'delivery');
  });

  test('that nothing is started by is ignored', () => {
    assert.equal(reason('star', { action: 'created' }), 'This event starts nothing.');
    assert.equal(reason('deployment_status', githubDeployment()), 'This event starts nothing.');
  });

  test('named like a property of objects is ignored', () => {
    assert.equal(reason('constructor', githubPush()), 'This event starts nothing.');
  });

  test('without an action is malformed, unless it is a push', () => {
    isMalformed('release', { ...githubRelease(), action: undefined });
    isMalformed('push', { ...githubPush(), action: 'created' });
    const { action, ...withoutAction } = githubRelease();
    isMalformed('release', withoutAction);
  });
});

for (const event of ['package', 'registry_package'] as const) {
  describe(event, () => {
    test('of a tagged image is the reference with tag and digest, and has no ref', () => {
      const expected = { image: `ghcr.io/acme/shop:v1.2.3@${githubDigest}` };
      assert.deepEqual(facts(event, githubPackage(event)), expected);
      assert.deepEqual(facts(event, githubPackage(event, { action: 'updated' })), expected);
    });

    test('that was deleted starts nothing', () => {
      assert.equal(reason(event, githubPackage(event, { action: 'deleted' })), 'The package was deleted.');
    });

    test('of a multi-architecture push starts once: the parts have no tag', () => {
      const parts = [
        githubPackage(event, { tag: '' }),
        githubPackage(event, { tag: '' }),
        githubPackage(event),
      ];
      assert.deepEqual(
        parts.map(part => readWebhook(event, part).kind),
        ['ignored', 'ignored', 'delivery'],
      );
    });
  });
}

describe('workflow_run', () => {
  const run = (overrides: Payload = {}) => facts('workflow_run', githubWorkflowRun(overrides));

  test('that succeeded is compared by its branch and by what started it', () => {
    assert.deepEqual(run(), {
      ref: 'refs/heads/main',
      branch: 'main',
      sha: githubSha,
      startedBy: 'push',
      workflow: 'acme/shop/.github/workflows/ci.yml@refs/heads/main',
    });
  });

  test('of a release ran on its tag', () => {
    const { ref, tag, branch, workflow } = run({ event: 'release', head_branch: 'v1.2.3' });
    assert.deepEqual([ref, tag, branch], ['refs/tags/v1.2.3', 'v1.2.3', undefined]);
    assert.equal(workflow, 'acme/shop/.github/workflows/ci.yml@refs/tags/v1.2.3');
  });

  for (const event of ['workflow_dispatch', 'repository_dispatch', 'schedule']) {
    test(`of ${event} ran on a branch`, () => {
      const { ref, startedBy } = run({ event });
      assert.deepEqual([ref, startedBy], ['refs/heads/main', event]);
    });
  }

  for (const event of [
    'pull_request',
    'pull_request_target',
    'pull_request_review',
    'workflow_run',
    'merge_group',
    'issue_comment',
    'deployment',
    'create',
    'dynamic',
    'constructor',
  ]) {
    test(`of ${event} has no ref: its branch need not be what ran`, () => {
      assert.deepEqual(run({ event }), { startedBy: event, sha: githubSha });
    });
  }

  test('without a branch has no ref', () => {
    assert.deepEqual(run({ head_branch: null }), { startedBy: 'push', sha: githubSha });
  });

  test('on a branch that is named like a full ref, or oddly, has no ref', () => {
    for (const branch of ['refs/tags/v1', ...Object.values(oddRefs)]) {
      assert.equal('ref' in run({ head_branch: branch }), false);
    }
  });

  for (const path of [null, '', 'dynamic/pages/pages-build-deployment', '.github/workflows/ci.yml@main']) {
    test(`of “${path}” names no workflow`, () => {
      assert.equal('workflow' in run({ path }), false);
    });
  }

  for (const conclusion of [
    'failure',
    'cancelled',
    'skipped',
    'timed_out',
    'neutral',
    'action_required',
    null,
  ]) {
    test(`that ended with ${conclusion} starts nothing`, () => {
      assert.match(reason('workflow_run', githubWorkflowRun({ conclusion })), /^The run ended with/);
    });
  }

  test('that is not completed starts nothing', () => {
    const payload = githubWorkflowRun({}, acmeShop, 'in_progress');
    assert.equal(reason('workflow_run', payload), 'The run is in_progress.');
  });

  test('of a fork, also of one that is gone, starts nothing', () => {
    assert.match(reason('workflow_run', githubWorkflowRun(foreign)), /another repository/);
    assert.match(reason('workflow_run', githubWorkflowRun({ head_repository: null })), /another repository/);
  });

  test('that does not say what started it is malformed', () => {
    isMalformed('workflow_run', githubWorkflowRun({ event: undefined }));
  });
});

describe('release', () => {
  test('is compared by its tag', () => {
    assert.deepEqual(facts('release', githubRelease()), { ref: 'refs/tags/v1.2.3', tag: 'v1.2.3' });
  });

  test('that is published and released has one replay key, and so starts once', () => {
    const published = delivery('release', githubRelease());
    const released = delivery('release', githubRelease({}, acmeShop, 'released'));
    assert.equal(published.replayKey, released.replayKey);
  });

  test('has another replay key for another release, tag or repository', () => {
    const keys = [
      githubRelease(),
      githubRelease({ id: 2 }),
      githubRelease({ tag_name: 'v2' }),
      githubRelease({}, { ...acmeShop, fullName: 'acme/other' }),
    ].map(payload => delivery('release', payload).replayKey);
    assert.equal(new Set(keys).size, 4);
  });

  test('that was a prerelease starts when it becomes a release', () => {
    assert.equal(reason('release', githubRelease({ prerelease: true })), 'It is a prerelease.');
    assert.equal(delivery('release', githubRelease({}, acmeShop, 'released')).tag, 'v1.2.3');
  });

  test('that is a draft starts nothing', () => {
    assert.equal(reason('release', githubRelease({ draft: true })), 'It is a draft.');
  });

  for (const action of ['created', 'edited', 'deleted', 'prereleased', 'unpublished']) {
    test(`that was ${action} starts nothing`, () => {
      assert.equal(reason('release', githubRelease({}, acmeShop, action)), `The release was ${action}.`);
    });
  }

  test('of an oddly named tag starts nothing', () => {
    for (const tag of ['refs/heads/main', ...Object.values(oddRefs)]) {
      assert.equal(reason('release', githubRelease({ tag_name: tag })), 'The tag is oddly named.');
    }
  });

  test('without a tag is malformed', () => isMalformed('release', githubRelease({ tag_name: '' })));
});

describe('deployment', () => {
  test('is compared by its environment, and has no ref where its name may be of a branch or of a tag', () => {
    assert.deepEqual(facts('deployment', githubDeployment()), { environment: 'production', sha: githubSha });
    assert.equal('ref' in facts('deployment', githubDeployment({ ref: githubSha })), false);
    assert.equal('ref' in facts('deployment', githubDeployment({ ref: 'refs/pull/1/merge' })), false);
    assert.equal('ref' in facts('deployment', githubDeployment({ ref: 'refs/heads/a b' })), false);
  });

  test('has the ref that is written in full', () => {
    const expected = { environment: 'production', sha: githubSha };
    assert.deepEqual(facts('deployment', githubDeployment({ ref: 'refs/heads/main' })), {
      ...expected,
      ref: 'refs/heads/main',
      branch: 'main',
    });
    assert.deepEqual(facts('deployment', githubDeployment({ ref: 'refs/tags/v1' })), {
      ...expected,
      ref: 'refs/tags/v1',
      tag: 'v1',
    });
  });

  test('of a job carries what started its run', () => {
    const payload = githubDeployment({}, acmeShop, { run: { event: 'pull_request' } });
    assert.equal(facts('deployment', payload).startedBy, 'pull_request');
  });

  test('of a fork’s run starts nothing', () => {
    const payload = githubDeployment({}, acmeShop, { run: foreign });
    assert.match(reason('deployment', payload), /another repository/);
    const same = githubDeployment({}, acmeShop, { run: { head_repository: { id: acmeShop.id } } });
    assert.equal(readWebhook('deployment', same).kind, 'delivery');
  });

  test('that is not created starts nothing', () => {
    const payload = githubDeployment({}, acmeShop, { action: 'requested' });
    assert.equal(reason('deployment', payload), 'The deployment is requested.');
  });

  test('without an environment is malformed', () => {
    isMalformed('deployment', githubDeployment({ environment: '' }));
  });
});
