import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createIdentifyGithubOrg, identifyGithub } from '../../providers/github-claims.ts';
import { identifyGitlab } from '../../providers/gitlab-claims.ts';
import { githubClaims, gitlabClaims } from '../fixtures/claims.ts';

const invalid = { name: 'ProviderError', code: 'invalid_credential' };
const odd: readonly unknown[] = [
  null,
  '',
  0,
  -1,
  1.5,
  2 ** 60,
  true,
  [],
  ['acme/shop'],
  {},
  'a\nb',
  'a\u0000b',
  'x'.repeat(5000),
];

describe('a job of GitHub Actions', () => {
  test('is who its claims say', () => {
    assert.deepEqual(identifyGithub(githubClaims({ environment: 'production' })), {
      provider: 'github',
      repository: 'acme/shop',
      repositoryId: '456789',
      ownerId: '123456',
      ref: 'refs/heads/main',
      environment: 'production',
      startedBy: 'push',
      workflow: 'acme/shop/.github/workflows/deploy.yml@refs/heads/main',
      actor: 'octocat',
    });
  });

  test('is read from its claims, and never from sub', () => {
    const sub = 'repo:mallory@666/evil@667:environment:production';
    assert.equal(identifyGithub(githubClaims({ sub }))?.repository, 'acme/shop');
    assert.equal(identifyGithub(githubClaims({ sub }))?.environment, undefined);
  });

  test('may have ids that are numbers', () => {
    const identity = identifyGithub(githubClaims({ repository_id: 456789, repository_owner_id: 123456 }));
    assert.deepEqual([identity?.repositoryId, identity?.ownerId], ['456789', '123456']);
  });

  test('needs no ref, environment, workflow or actor', () => {
    const absent = { ref: '', environment: undefined, workflow_ref: null, actor: undefined };
    assert.deepEqual(Object.keys(identifyGithub(githubClaims(absent)) ?? {}), [
      'provider',
      'repository',
      'repositoryId',
      'ownerId',
      'startedBy',
    ]);
  });

  test('is the caller of a reusable workflow, not the called file', () => {
    const called = 'mallory/evil/.github/workflows/x.yml@refs/heads/main';
    assert.equal(identifyGithub(githubClaims({ job_workflow_ref: called }))?.repository, 'acme/shop');
  });

  for (const event of ['pull_request', 'pull_request_target', 'workflow_run']) {
    test(`started by ${event} says so, whatever ref it carries`, () => {
      assert.equal(identifyGithub(githubClaims({ event_name: event }))?.startedBy, event);
    });
  }

  for (const claim of [
    'repository',
    'repository_id',
    'repository_owner',
    'repository_owner_id',
    'event_name',
  ]) {
    test(`without ${claim}, or with an odd one, is refused`, () => {
      for (const value of [undefined, ...odd]) {
        assert.throws(() => identifyGithub(githubClaims({ [claim]: value })), invalid, JSON.stringify(value));
      }
    });
  }

  for (const claim of ['ref', 'environment', 'workflow_ref', 'actor']) {
    test(`with an odd ${claim} is refused`, () => {
      for (const value of odd.filter(value => value !== null && value !== '')) {
        assert.throws(() => identifyGithub(githubClaims({ [claim]: value })), invalid, JSON.stringify(value));
      }
    });
  }

  for (const [what, claims] of Object.entries({
    'in a repository of another owner': { repository_owner: 'other' },
    'with an id in another notation': { repository_id: '0456789' },
    'with an id with a space': { repository_id: '456789 ' },
    'with a short ref': { ref: 'main' },
    'with a direction mark in its environment': { environment: 'prod\u202euction' },
  })) {
    test(`${what} is refused`, () => assert.throws(() => identifyGithub(githubClaims(claims)), invalid));
  }

  test('refused says which claims are odd, and not what they are', () => {
    const refusal = (() => {
      try {
        return identifyGithub(githubClaims({ repository_id: 'secret', actor: 7 }));
      } catch (error) {
        return error;
      }
    })();
    assert.equal((refusal as Error).message, 'claims: missing or odd: repository_id, actor');
  });
});

describe('a job of the organisation', () => {
  const identify = createIdentifyGithubOrg({ name: 'ACME', id: '123456' });

  test('is identified as the organisation’s', () => {
    assert.equal(identify(githubClaims())?.provider, 'github-org');
    assert.equal(createIdentifyGithubOrg({ name: 'acme' })(githubClaims())?.provider, 'github-org');
  });

  test('is not one of another owner', () => {
    assert.equal(identify(githubClaims({ repository: 'acme2/shop', repository_owner: 'acme2' })), undefined);
  });

  test('is not one of an owner that took the name', () => {
    assert.equal(identify(githubClaims({ repository_owner_id: '9' })), undefined);
  });

  test('is refused where its claims are odd', () => {
    assert.throws(() => identify(githubClaims({ repository_id: undefined })), invalid);
  });
});

describe('a job of GitLab CI', () => {
  test('is who its claims say', () => {
    assert.deepEqual(identifyGitlab(gitlabClaims({ environment: 'production' })), {
      provider: 'gitlab',
      repository: 'acme/team/shop',
      repositoryId: '20',
      ownerId: '72',
      ref: 'refs/heads/main',
      environment: 'production',
      startedBy: 'push',
      workflow: 'gitlab.example.com/acme/team/shop//.gitlab-ci.yml@refs/heads/main',
      actor: 'sample-user',
      refProtected: true,
    });
  });

  test('of an old server has its ref from name and type', () => {
    const old = { ref_path: undefined, job_project_id: undefined, ci_config_ref_uri: null };
    assert.equal(identifyGitlab(gitlabClaims(old))?.ref, 'refs/heads/main');
    assert.equal(identifyGitlab(gitlabClaims({ ...old, ref: 'v1', ref_type: 'tag' }))?.ref, 'refs/tags/v1');
    assert.equal(identifyGitlab(gitlabClaims({ ...old, ref_type: undefined }))?.ref, undefined);
    assert.equal(identifyGitlab(gitlabClaims({ ...old, ref: 'refs/heads/main' }))?.ref, undefined);
  });

  test('says whether its ref is protected, or nothing', () => {
    assert.equal(identifyGitlab(gitlabClaims({ ref_protected: 'false' }))?.refProtected, false);
    assert.equal('refProtected' in (identifyGitlab(gitlabClaims({ ref_protected: undefined })) ?? {}), false);
  });

  for (const source of ['merge_request_event', 'external_pull_request_event']) {
    test(`started by ${source} has no ref: it may be a branch of a fork`, () => {
      const identity = identifyGitlab(gitlabClaims({ pipeline_source: source }));
      assert.equal(identity?.startedBy, source);
      assert.equal('ref' in (identity ?? {}), false);
      assert.equal('refProtected' in (identity ?? {}), false);
    });
  }

  test('with code of another project is refused', () => {
    assert.throws(() => identifyGitlab(gitlabClaims({ job_project_id: '21' })), invalid);
    assert.throws(() => identifyGitlab(gitlabClaims({ source_project_id: 21 })), invalid);
    assert.ok(identifyGitlab(gitlabClaims({ source_project_id: 20, job_project_id: 20 })));
  });

  test('is not the login of a user', () => {
    assert.throws(() => identifyGitlab(gitlabClaims({ job_id: undefined })), invalid);
    assert.throws(() => identifyGitlab(gitlabClaims({ pipeline_id: undefined })), invalid);
    assert.throws(() => identifyGitlab({ sub: '1', name: 'Root', groups: [] }), invalid);
  });

  const required = [
    'project_path',
    'project_id',
    'namespace_id',
    'pipeline_source',
    'pipeline_id',
    'job_id',
    'ref',
  ];
  for (const claim of required) {
    test(`without ${claim}, or with an odd one, is refused`, () => {
      for (const value of [undefined, ...odd]) {
        assert.throws(() => identifyGitlab(gitlabClaims({ [claim]: value })), invalid, JSON.stringify(value));
      }
    });
  }

  for (const claim of ['ref_path', 'ref_protected', 'environment', 'job_project_id', 'ci_config_ref_uri']) {
    test(`with an odd ${claim} is refused`, () => {
      for (const value of odd.filter(value => value !== null && value !== '')) {
        assert.throws(() => identifyGitlab(gitlabClaims({ [claim]: value })), invalid, JSON.stringify(value));
      }
    });
  }

  test('with a group for a project is refused', () => {
    assert.throws(() => identifyGitlab(gitlabClaims({ project_path: 'acme' })), invalid);
  });
});
