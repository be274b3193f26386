import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import { createGitlabRefs, type GitlabRefs } from '../../providers/gitlab-refs.ts';

const servers: Server[] = [];
const requests: { readonly url: string; readonly authorization: string | undefined }[] = [];

afterEach(() => {
  requests.length = 0;
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer((request, response) => {
    requests.push({ url: request.url ?? '', authorization: request.headers.authorization });
    answer(request, response);
  });
  servers.push(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function refsOf(answer: RequestListener): Promise<GitlabRefs> {
  return createGitlabRefs({ url: `${await serve(answer)}/`, apiToken: 'canary', timeoutMs: 500 });
}

const json =
  (status: number, body: unknown): RequestListener =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

test('a branch and a tag are asked for by the whole path and name', async () => {
  const branches = await refsOf(json(200, { name: 'feature/x', protected: true }));
  assert.equal(await branches.find('acme/team/shop', 'branch', 'feature/x'), 'protected');
  const tags = await refsOf(json(200, { name: 'v1', protected: false }));
  assert.equal(await tags.find('acme/team/shop', 'tag', 'v1'), 'unprotected');
  assert.deepEqual(requests, [
    {
      url: '/api/v4/projects/acme%2Fteam%2Fshop/repository/branches/feature%2Fx',
      authorization: 'Bearer canary',
    },
    { url: '/api/v4/projects/acme%2Fteam%2Fshop/repository/tags/v1', authorization: 'Bearer canary' },
  ]);
});

test('a name can’t lead to another part of the API', async () => {
  const refs = await refsOf(json(404, { message: '404' }));
  assert.equal(await refs.find('acme/shop', 'branch', 'x?admin=1#/y/%2e%2e/z'), 'missing');
  assert.equal(
    requests[0]?.url,
    '/api/v4/projects/acme%2Fshop/repository/branches/x%3Fadmin%3D1%23%2Fy%2F%252e%252e%2Fz',
  );
});

for (const [what, answer, state] of [
  ['that there is none', json(404, { message: '404 Branch Not Found' }), 'missing'],
  ['another name', json(200, { name: 'other', protected: true }), 'unknown'],
  ['nothing of protection', json(200, { name: 'main' }), 'unknown'],
  ['an odd protection', json(200, { name: 'main', protected: 'true' }), 'unknown'],
  ['a list', json(200, []), 'unknown'],
  ['that the token is wrong', json(401, { message: '401 Unauthorized' }), 'unknown'],
  ['with a fault', json(500, { message: 'oops' }), 'unknown'],
  ['with 502 for ever', json(502, {}), 'unknown'],
  ['with 429 for ever', json(429, {}), 'unknown'],
  ['with text', (_, response) => response.end('<html>'), 'unknown'],
  ['with half of it', (_, response) => response.destroy(), 'unknown'],
] as const satisfies readonly (readonly [string, RequestListener, string])[]) {
  test(`GitLab answers ${what}: ${state}`, async () => {
    const refs = await refsOf(answer);
    assert.equal(await refs.find('acme/shop', 'branch', 'main'), state);
  });
}

test('GitLab answers nothing: unknown, in bounded time', async () => {
  const refs = await refsOf(() => undefined);
  const started = performance.now();
  assert.equal(await refs.find('acme/shop', 'branch', 'main'), 'unknown');
  assert.ok(performance.now() - started < 3000);
});

test('GitLab drips: unknown, in bounded time', async () => {
  const refs = await refsOf((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(timer));
  });
  const started = performance.now();
  assert.equal(await refs.find('acme/shop', 'branch', 'main'), 'unknown');
  assert.ok(performance.now() - started < 3000);
});

test('the token does not follow a redirect to another host', async () => {
  const other = await serve(json(200, { name: 'main', protected: true }));
  const elsewhere = other.replace('127.0.0.1', 'localhost');
  const refs = await refsOf((_, response) => response.writeHead(302, { location: elsewhere }).end());
  await refs.find('acme/shop', 'branch', 'main');
  assert.deepEqual(
    requests.slice(1).map(({ authorization }) => authorization),
    requests.slice(1).map(() => undefined),
  );
});
