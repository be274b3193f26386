import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readGitlabWebhook } from '../../providers/gitlab-events.ts';
import {
  acmeTeamShop,
  gitlabDeletion,
  gitlabDeployment,
  gitlabJob,
  gitlabMergeRequest,
  gitlabPipeline,
  gitlabPush,
  gitlabRelease,
  gitlabSha,
  gitlabTagPush,
} from '../fixtures/gitlab-payloads.ts';

type Payload = Record<string, unknown>;
const now = new Date('2026-11-20T12:00:00Z');

function facts(payload: Payload, actor = 'root'): Payload {
  const happening = readGitlabWebhook(payload, now);
  assert.ok(!('reason' in happening), 'reason' in happening ? happening.reason : '');
  const { repository, repositoryId, ...rest } = happening;
  assert.deepEqual([repository, repositoryId, rest.actor], ['acme/team/shop', '20', actor]);
  delete rest.actor;
  return JSON.parse(JSON.stringify(rest));
}

function reason(event: string, payload: Payload): string {
  const happening = readGitlabWebhook(payload, now);
  assert.ok('reason' in happening, 'it is a delivery');
  assert.equal(happening.event, event);
  return happening.reason;
}

const isMalformed = (payload: Payload) =>
  assert.throws(() => readGitlabWebhook(payload, now), { name: 'ProviderError', code: 'malformed' });

describe('a push', () => {
  test('of a branch is compared by its ref, and says whether it is protected', () => {
    const expected = { event: 'push', ref: 'refs/heads/main', refProtected: true, sha: gitlabSha };
    assert.deepEqual(facts(gitlabPush(), 'jsmith'), expected);
    assert.equal(facts(gitlabPush({ ref_protected: false }), 'jsmith').refProtected, false);
    assert.equal('refProtected' in facts(gitlabPush({ ref_protected: undefined }), 'jsmith'), false);
  });

  test('of an annotated tag has the commit, not the tag object', () => {
    const expected = { event: 'tag_push', ref: 'refs/tags/v1.0.0', refProtected: true, sha: gitlabSha };
    assert.deepEqual(facts(gitlabTagPush(), 'jsmith'), expected);
  });

  test('that deletes starts nothing', () => {
    assert.equal(reason('push', gitlabDeletion('push')), 'The ref was deleted.');
    assert.equal(reason('tag_push', gitlabDeletion('tag_push')), 'The ref was deleted.');
    assert.equal(reason('push', gitlabPush({ after: '0'.repeat(40) })), 'The ref was deleted.');
    assert.equal(reason('push', gitlabPush({ checkout_sha: null })), 'The ref was deleted.');
  });

  test('of one kind with a ref of the other is malformed', () => {
    isMalformed(gitlabPush({ ref: 'refs/tags/v1' }));
    isMalformed(gitlabTagPush({ ref: 'refs/heads/main' }));
    isMalformed(gitlabPush({ ref: 'refs/notes/x' }));
  });

  test('of an oddly named ref starts nothing, and is no fault: four in a row would disable the webhook', () => {
    for (const name of ['ma\u202ein', 'main\u00a0', 'x'.repeat(2000)]) {
      assert.equal(reason('push', gitlabPush({ ref: `refs/heads/${name}` })), 'The ref is oddly named.');
      assert.equal(reason('release', gitlabRelease({ tag: name })), 'The tag is oddly named.');
      assert.equal('ref' in facts(gitlabPipeline({ ref: name })), false);
      assert.equal('ref' in facts(gitlabJob({ ref: name })), false);
      assert.equal('bareRef' in facts(gitlabDeployment({ ref: name })), false);
    }
  });

  for (const [what, overrides] of Object.entries({
    'a short ref': { ref: 'main' },
    'an odd protection': { ref_protected: 'true' },
    'an odd commit': { checkout_sha: 'HEAD' },
    'the id of another project': { project_id: 21 },
    'a project without an id': { project: { path_with_namespace: 'acme/team/shop' } },
    'no project': { project: undefined },
    'an odd user': { user_username: 'a\nb' },
  })) {
    test(`with ${what} is malformed`, () => isMalformed(gitlabPush(overrides)));
  }
});

describe('a pipeline', () => {
  test('that succeeded is compared by its ref and by what started it', () => {
    assert.deepEqual(facts(gitlabPipeline()), {
      event: 'pipeline',
      ref: 'refs/heads/main',
      refProtected: true,
      startedBy: 'push',
      sha: gitlabSha,
    });
    assert.equal(facts(gitlabPipeline({ ref: 'v1', tag: true })).ref, 'refs/tags/v1');
    assert.equal(facts(gitlabPipeline({ source: 'schedule' })).startedBy, 'schedule');
    assert.equal('refProtected' in facts(gitlabPipeline({ protected_ref: undefined })), false);
  });

  for (const status of ['failed', 'canceled', 'running', 'pending', 'skipped', 'manual', 'created']) {
    test(`that is ${status} starts nothing`, () => {
      assert.equal(reason('pipeline', gitlabPipeline({ status })), `The pipeline is ${status}.`);
    });
  }

  test('of a merge request has no ref: what it shows is the source branch', () => {
    const expected = { event: 'pipeline', startedBy: 'merge_request_event', sha: gitlabSha };
    const ofMergeRequest = gitlabPipeline(
      { source: 'merge_request_event' },
      acmeTeamShop,
      gitlabMergeRequest(),
    );
    assert.deepEqual(facts(ofMergeRequest), expected);
    assert.deepEqual(facts(gitlabPipeline({ source: 'merge_request_event' })), expected);
    assert.deepEqual(facts(gitlabPipeline({}, acmeTeamShop, gitlabMergeRequest())), expected);
    const external = gitlabPipeline({ source: 'external_pull_request_event' });
    assert.deepEqual(facts(external), { ...expected, startedBy: 'external_pull_request_event' });
  });

  test('of a fork’s merge request starts nothing', () => {
    for (const source of [21, null, undefined]) {
      const mergeRequest = gitlabMergeRequest({ source_project_id: source });
      const payload = gitlabPipeline({ source: 'merge_request_event' }, acmeTeamShop, mergeRequest);
      assert.match(reason('pipeline', payload), /another project/);
    }
  });

  test('on a ref that is written in full has none', () => {
    const payload = gitlabPipeline({ ref: 'refs/merge-requests/1/merge' });
    assert.deepEqual(facts(payload), { event: 'pipeline', startedBy: 'push', sha: gitlabSha });
  });

  for (const field of ['source', 'status', 'ref', 'tag', 'sha']) {
    test(`without ${field} is malformed`, () => isMalformed(gitlabPipeline({ [field]: undefined })));
  }
});

describe('a job', () => {
  test('that succeeded is compared by its ref and its environment', () => {
    assert.deepEqual(facts(gitlabJob()), { event: 'job', ref: 'refs/heads/main', sha: gitlabSha });
    const deploys = gitlabJob({
      environment: { name: 'production', action: 'start', deployment_tier: 'production' },
    });
    assert.equal(facts(deploys).environment, 'production');
    assert.equal(facts(gitlabJob({ ref: 'v1', tag: true })).ref, 'refs/tags/v1');
  });

  test('of a merge request has no ref, and says that it is one', () => {
    const payload = gitlabJob({ ref: 'refs/merge-requests/1/head', environment: { name: 'production' } });
    assert.deepEqual(facts(payload), {
      event: 'job',
      environment: 'production',
      startedBy: 'merge_request_event',
      sha: gitlabSha,
    });
  });

  test('that stops an environment starts nothing', () => {
    assert.match(reason('job', gitlabJob({ environment: { name: 'review', action: 'stop' } })), /stopped/);
  });

  test('that did not succeed starts nothing', () => {
    assert.equal(reason('job', gitlabJob({ build_status: 'failed' })), 'The job is failed.');
  });

  test('of another project’s id is malformed', () => isMalformed(gitlabJob({ project_id: '21' })));
});

describe('a deployment', () => {
  test('that succeeded is compared by its environment; its ref may be a branch or a tag', () => {
    assert.deepEqual(facts(gitlabDeployment()), {
      event: 'deployment',
      bareRef: 'main',
      environment: 'production',
      sha: gitlabSha,
    });
  });

  test('of a merge request says that it is one', () => {
    const payload = gitlabDeployment({ ref: 'refs/merge-requests/1/head' });
    assert.deepEqual(facts(payload), {
      event: 'deployment',
      environment: 'production',
      startedBy: 'merge_request_event',
      sha: gitlabSha,
    });
  });

  for (const overrides of [
    { commit_url: null },
    { short_sha: 'ffffffff' },
    { commit_url: 'http://x/main' },
    { short_sha: null },
  ]) {
    test(`with ${JSON.stringify(overrides)} names no commit`, () => {
      assert.equal('sha' in facts(gitlabDeployment(overrides)), false);
    });
  }

  for (const status of ['running', 'failed', 'canceled', 'blocked']) {
    test(`that is ${status} starts nothing`, () => {
      assert.equal(reason('deployment', gitlabDeployment({ status })), `The deployment is ${status}.`);
    });
  }

  test('without an environment is malformed', () => isMalformed(gitlabDeployment({ environment: '' })));
});

describe('a release', () => {
  const read = (overrides: Payload = {}) => gitlabRelease(overrides);

  test('is compared by its tag', () => {
    const happening = readGitlabWebhook(read(), now);
    assert.ok(!('reason' in happening));
    assert.deepEqual(
      [happening.event, happening.ref, happening.sha],
      ['release', 'refs/tags/v1.1', gitlabSha],
    );
    assert.equal(happening.actor, undefined);
  });

  test('needs no commit and no date', () => {
    assert.ok(!('reason' in readGitlabWebhook(read({ commit: null, released_at: null }), now)));
    assert.ok(!('reason' in readGitlabWebhook(read({ released_at: 'soon' }), now)));
  });

  test('that is an upcoming one starts nothing', () => {
    assert.match(reason('release', read({ released_at: '2026-12-24 00:00:00 UTC' })), /upcoming/);
  });

  for (const action of ['update', 'delete']) {
    test(`to ${action} starts nothing`, () => {
      assert.equal(reason('release', read({ action })), `The action on the release is ${action}.`);
    });
  }
});

describe('another event', () => {
  for (const kind of ['merge_request', 'note', 'issue', 'constructor', 'job']) {
    test(`like ${kind} starts nothing`, () => {
      assert.equal(reason(kind, { object_kind: kind }), 'This event starts nothing.');
    });
  }

  test('without a name is malformed', () => {
    isMalformed({});
    isMalformed({ object_kind: 5 });
    isMalformed({ object_kind: 'Push Hook' });
  });
});
