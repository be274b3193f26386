import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { githubClaims, gitlabClaims } from '../fixtures/claims.ts';
import { createSigningKey, type SignOverrides, startIssuer, type TestIssuer } from '../fixtures/issuer.ts';
import type { Answer } from './api-client.ts';
import { grantLabels, openStage, type Stage } from './stage.ts';

type Claims = Readonly<Record<string, unknown>>;

const ofA = {
  sub: 'repo:acme/a:ref:refs/heads/main',
  repository: 'acme/a',
  repository_id: '1',
  repository_owner: 'acme',
  repository_owner_id: '1001',
  workflow_ref: 'acme/a/.github/workflows/deploy.yml@refs/heads/main',
};
const ofProjectA = {
  project_path: 'team/a',
  project_id: '11',
  job_project_path: 'team/a',
  job_project_id: '11',
};
const second = () => Math.floor(Date.now() / 1000);

// B's pipelines get genuine tokens, and B may write any claim that its platform lets it choose.
describe('an OIDC token that deploys for another', { timeout: 300_000 }, () => {
  let stage: Stage;
  let foreign: TestIssuer;
  let image: string;
  before(async () => {
    stage = await openStage();
    const { lab, services } = stage;
    foreign = await startIssuer({ host: lab.hostAddress });
    await lab.registry.tag('app:1', 'acme/a:main');
    await lab.registry.tag('app:2', 'acme/a:evil');
    image = lab.registry.reference('acme/a:evil');
    const github = { repository: 'acme/a', ref: 'refs/heads/main' };
    const gitlab = { repository: 'team/a', ref: 'refs/heads/main' };
    const created: Readonly<Record<string, Record<string, string>>> = {
      a: grantLabels('github', github),
      'a-tags': grantLabels('github', { ...github, ref: 'refs/tags/v*,refs/heads/release/*' }),
      'a-by-id': grantLabels('github', { 'repository-id': '1', ref: 'refs/heads/main' }),
      'a-both': grantLabels('github', { ...github, 'repository-id': '1' }),
      'a-environment': grantLabels('github', { repository: 'acme/a', environment: 'production' }),
      'a-workflow': grantLabels('github', { ...github, workflow: ofA.workflow_ref }),
      'a-org': grantLabels('github-org', { repository: 'acme/*', ref: 'refs/heads/main' }),
      'a-gitlab': grantLabels('gitlab', gitlab),
      'a-gitlab-named-as-github': grantLabels('gitlab', { ...gitlab, repository: 'acme/a' }),
      'a-gitlab-by-id': grantLabels('gitlab', { 'repository-id': '11', ref: 'refs/heads/main' }),
      'a-github-named-as-gitlab': grantLabels('github', { ...github, repository: 'team/a' }),
    };
    const running = lab.registry.reference('acme/a:main');
    await Promise.all(
      Object.entries(created).map(([name, labels]) =>
        services.create(name, { image: running, replicas: 0, labels }),
      ),
    );
  });
  after(async () => {
    await foreign?.close();
    await stage?.close();
  });

  const github = (claims: Claims = {}, overrides?: SignOverrides, issuer = stage.deployment.githubIssuer) =>
    issuer.sign(githubClaims({ aud: stage.deployment.audience, ...ofA, ...claims }), overrides);
  const gitlab = (claims: Claims = {}, overrides?: SignOverrides, issuer = stage.deployment.gitlabIssuer) =>
    issuer.sign(gitlabClaims({ aud: stage.deployment.audience, ...ofProjectA, ...claims }), overrides);
  const attempt = (serviceName: string, token: string) =>
    stage.withoutEffect(() =>
      stage.deployment.api.post('/api/update/service', { serviceName, image }, token),
    );
  /** Answers of one kind are the same to the letter, whatever was wrong. */
  const seen = new Map<number, Answer>();
  const assertRefused = async (status: number, serviceName: string, token: string, what: string) => {
    const answer = await attempt(serviceName, token);
    assert.equal(answer.status, status, `${what}: ${answer.text}`);
    const first = seen.get(status) ?? answer;
    seen.set(status, first);
    assert.equal(answer.text, first.text, what);
    assert.deepEqual(withoutDate(answer), withoutDate(first), what);
  };

  test('of a project that is not named is answered as if there were no such service', async () => {
    const ofB = { repository: 'acme/b', repository_id: '2' };
    const cases: readonly (readonly [string, Claims])[] = [
      ['a', ofB],
      ['a', { ...ofB, sub: ofA.sub, workflow_ref: ofA.workflow_ref, job_workflow_ref: ofA.workflow_ref }],
      ['a', { repository: 'acme/a2' }],
      ['a', { repository: 'acme/aa' }],
      ['a', { repository: 'mallory/a', repository_owner: 'mallory', repository_owner_id: '666' }],
      // The name was given up and taken by somebody else.
      ['a-by-id', { repository_id: '3' }],
      ['a-both', { repository_id: '3' }],
      ['a-both', { repository: 'acme/renamed' }],
      ['a-by-id', { repository_id: '11' }],
      // An organisation of the same name that is not the configured one.
      ['a-org', { repository_owner_id: '4711' }],
      ['a-org', { repository: 'mallory/a', repository_owner: 'mallory', repository_owner_id: '1001' }],
      ['no-such-service', {}],
    ];
    for (const [service, claims] of cases) {
      await assertRefused(404, service, github(claims), `${service} ${JSON.stringify(claims)}`);
    }
    const projects: readonly (readonly [string, Claims])[] = [
      ['a-gitlab', { project_path: 'team/b', project_id: '12', job_project_id: '12' }],
      ['a-gitlab', { project_path: 'team/a/a' }],
      ['a-gitlab', { project_path: 'tea/m/a' }],
      ['a-gitlab-by-id', { project_id: '1', job_project_id: '1' }],
    ];
    for (const [service, claims] of projects) {
      await assertRefused(404, service, gitlab(claims), `${service} ${JSON.stringify(claims)}`);
    }
  });

  test('of A itself, but from another branch, tag, event, environment or workflow, is refused the same', async () => {
    const cases: readonly (readonly [string, Claims])[] = [
      ['a', { ref: 'refs/heads/feature' }],
      ['a', { ref: 'refs/heads/main2' }],
      ['a', { ref: 'refs/heads/mai' }],
      ['a', { ref: 'refs/heads/Main' }],
      ['a', { ref: 'refs/heads/x/refs/heads/main' }],
      ['a', { ref: 'refs/tags/main', ref_type: 'tag' }],
      ['a', { ref: 'refs/pull/1/merge', event_name: 'pull_request', base_ref: 'main', head_ref: 'main' }],
      ['a', { ref: '' }],
      ['a', { event_name: 'pull_request' }],
      // Of these the ref is the branch that the pull request or the other run goes to.
      ['a', { event_name: 'pull_request_target' }],
      ['a', { event_name: 'workflow_run' }],
      ['a', { event_name: 'issue_comment' }],
      ['a', { event_name: 'schedule' }],
      ['a-tags', { ref: 'refs/heads/v1' }],
      ['a-tags', { ref: 'refs/tags/1' }],
      ['a-tags', { ref: 'refs/tags/release/1', ref_type: 'tag' }],
      ['a-tags', { ref: 'refs/heads/release' }],
      ['a-tags', { ref: 'refs/heads/released/1' }],
      ['a-environment', {}],
      ['a-environment', { environment: 'Production' }],
      ['a-environment', { environment: 'production-eu' }],
      ['a-environment', { environment: 'production', event_name: 'pull_request' }],
      ['a-workflow', { workflow_ref: `${ofA.workflow_ref}x` }],
      ['a-workflow', { workflow_ref: '', job_workflow_ref: ofA.workflow_ref }],
    ];
    for (const [service, claims] of cases) {
      await assertRefused(404, service, github(claims), `${service} ${JSON.stringify(claims)}`);
    }
    const jobs: readonly Claims[] = [
      { pipeline_source: 'merge_request_event' },
      { pipeline_source: 'external_pull_request_event' },
      { pipeline_source: 'schedule' },
      { ref_protected: 'false' },
      { ref_protected: undefined },
      { ref: 'main2', ref_path: 'refs/heads/main2' },
      { ref: 'main', ref_type: 'tag', ref_path: 'refs/tags/main' },
      { ref: 'main', ref_path: 'refs/merge-requests/1/head' },
    ];
    for (const claims of jobs) {
      await assertRefused(404, 'a-gitlab', gitlab(claims), JSON.stringify(claims));
    }
  });

  test('of one provider never satisfies a grant for another', async () => {
    await assertRefused(404, 'a-gitlab-named-as-github', github(), 'github on gitlab');
    await assertRefused(404, 'a-gitlab-by-id', github({ repository_id: '11' }), 'github id on gitlab');
    await assertRefused(404, 'a-github-named-as-gitlab', gitlab(), 'gitlab on github');
    const user = { repository: 'mona/a', repository_owner: 'mona', repository_owner_id: '77' };
    await assertRefused(404, 'a-org', github(user), 'github on github-org');
    const { body } = await stage.deployment.api.post(
      '/api/explain',
      { action: 'update', serviceName: 'a-org', claims: claimsOf(github(user)) },
      stage.deployment.secrets.adminToken,
    );
    assert.deepEqual([body.allowed, body.reason], [false, 'no_grant']);
  });

  test('of a fork’s merge request, where the code is another project’s than the job, is no credential', async () => {
    for (const claims of [
      { project_id: '99', project_path: 'mallory/a' },
      { job_project_id: '99', job_project_path: 'mallory/a' },
      { source_project_id: '99' },
    ]) {
      await assertRefused(401, 'a-gitlab', gitlab(claims), JSON.stringify(claims));
    }
    // The token that a user logs in with elsewhere is not a job's.
    await assertRefused(401, 'a-gitlab', gitlab({ job_id: undefined }), 'no job');
    await assertRefused(401, 'a-gitlab', gitlab({ pipeline_id: undefined }), 'no pipeline');
  });

  test('of another issuer, for another audience, of another time, or half a one, is no credential', async () => {
    const { audience, githubIssuer, gitlabIssuer } = stage.deployment;
    const now = second();
    const cases: Readonly<Record<string, string>> = {
      'another issuer': github({}, {}, foreign),
      'another issuer that says it is this one': github({ iss: githubIssuer.url }, {}, foreign),
      'the other platform’s issuer': github({}, {}, gitlabIssuer),
      'the other platform’s key': github({ iss: githubIssuer.url }, {}, gitlabIssuer),
      'an issuer with a slash': github({ iss: `${githubIssuer.url}/` }),
      'no issuer': github({ iss: undefined }),
      'another audience': github({ aud: 'https://github.com/acme' }),
      'a longer audience': github({ aud: `${audience}/` }),
      'several audiences': github({ aud: [audience, 'https://other.example'] }),
      'one audience in a list': github({ aud: [audience] }),
      'no audience': github({ aud: undefined }),
      expired: github({ iat: now - 400, nbf: now - 400, exp: now - 31 }),
      'not valid yet': github({ nbf: now + 60 }),
      'issued in the future': github({ iat: now + 60 }),
      'too old': github({ iat: now - 700 }),
      'no exp': github({ exp: undefined }),
      'no nbf': github({ nbf: undefined }),
      'no iat': github({ iat: undefined }),
      'no jti': github({ jti: undefined }),
      'no sub': github({ sub: undefined }),
      'no repository': github({ repository: undefined }),
      'no repository id': github({ repository_id: undefined }),
      'an owner that is not the repository’s': github({ repository: 'acme/a', repository_owner: 'mona' }),
    };
    for (const [what, token] of Object.entries(cases)) {
      await assertRefused(401, 'a', token, what);
    }
    for (const aud of ['https://other.example', [audience], undefined]) {
      await assertRefused(401, 'a-gitlab', gitlab({ aud }), `${aud}`);
    }
    assert.deepEqual(foreign.fetches, { discovery: 0, jwks: 0 });
  });

  test('signed in another way than the issuer’s own is no credential', async () => {
    const { githubIssuer } = stage.deployment;
    const stranger = await createSigningKey();
    const publicPem = createPublicKey(githubIssuer.key.privateKey).export({ type: 'spki', format: 'pem' });
    const hmac = (key: string | Buffer) => (input: string) =>
      createHmac('sha256', key).update(input).digest();
    const { kid } = githubIssuer.key;
    const jwks = `${foreign.url}/jwks`;
    foreign.published = [{ ...stranger.publicJwk, kid }];
    const cases: Readonly<Record<string, SignOverrides>> = {
      'no kid': { header: { kid: undefined } },
      'an unknown kid': { header: { kid: 'another' } },
      'another key under this kid': { header: { kid }, key: stranger },
      'alg none': { header: { alg: 'none' }, signature: () => Buffer.alloc(0) },
      'alg None': { header: { alg: 'None' } },
      'HS256 with the public key': { header: { alg: 'HS256' }, signature: hmac(publicPem) },
      'HS256 with the modulus': {
        header: { alg: 'HS256' },
        signature: hmac(Buffer.from(`${githubIssuer.key.publicJwk.n}`, 'base64url')),
      },
      'RS512 by name': { header: { alg: 'RS512' } },
      'a key of its own (jwk)': { header: { kid, jwk: stranger.publicJwk }, key: stranger },
      'a key set of its own (jku)': { header: { kid, jku: jwks }, key: stranger },
      'a certificate of its own (x5u)': { header: { kid, x5u: jwks }, key: stranger },
      'an extension': { header: { crit: ['b64'], b64: false } },
      'another type': { header: { typ: 'at+jwt' } },
      'no signature': { signature: () => Buffer.alloc(0) },
      'a signature that is cut': { signature: () => Buffer.alloc(255) },
    };
    for (const [what, overrides] of Object.entries(cases)) {
      await assertRefused(401, 'a', github({}, overrides), what);
    }
    const [header, , signature] = github().split('.');
    const payload = Buffer.from(JSON.stringify(claimsOf(github({ actor: 'mallory' })))).toString('base64url');
    await assertRefused(401, 'a', `${header}.${payload}.${signature}`, 'another payload');
    await assertRefused(401, 'a', 'x'.repeat(16_385), 'too long');
    assert.deepEqual(foreign.fetches, { discovery: 0, jwks: 0 });
  });

  test('of A, replayed onto another image or service, is refused, and what it did stays', async () => {
    const { api } = stage.deployment;
    const token = github();
    const first = await api.post('/api/update/service', { serviceName: 'a', image }, token);
    assert.deepEqual([first.status, first.body.status], [200, 'succeeded']);
    const version = await stage.services.version('a');
    const other = stage.lab.registry.reference('acme/a:main');
    for (const body of [
      { serviceName: 'a', image: other },
      { serviceName: 'a' },
      { serviceName: 'a', image, isForce: true },
      { serviceName: 'a-both', image },
      { serviceName: 'a-org', image },
    ]) {
      const answer = await stage.withoutEffect(() => api.post('/api/update/service', body, token));
      assert.deepEqual([answer.status, answer.body.error?.code], [409, 'token_reused'], answer.text);
    }
    assert.equal(await stage.services.version('a'), version);
  });
});

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

function withoutDate({ headers: { date: _, ...rest } }: Answer): object {
  return rest;
}
