import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { createDockerodeSwarm } from '../../src/engine/dockerode.ts';
import type { Swarm } from '../../src/engine/swarm.ts';

// What the lab can't show: what is, and what is not, in the requests to the Engine.

const credentials = { registry: 'ghcr.io', username: 'robot', password: 'canary' };
const spec = {
  Name: 'shop',
  Labels: { a: 'b' },
  TaskTemplate: {
    ContainerSpec: { Image: 'ghcr.io/acme/shop:1', Env: ['A=B'] },
    ForceUpdate: 4,
    Unknown: { Kept: true },
  },
  Mode: { Replicated: { Replicas: 2 } },
  Future: 'kept',
};

interface Written {
  readonly path: string;
  readonly auth: unknown;
  readonly body: typeof spec & { readonly TaskTemplate: { readonly Placement?: object } };
}

/** An Engine that has one service and notes how it is written. */
async function startEngine(
  context: TestContext,
  placement?: object,
): Promise<{ readonly swarm: Swarm; readonly written: Written[] }> {
  const written: Written[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
    }
    response.setHeader('content-type', 'application/json');
    if (request.method === 'GET') {
      response.end(
        JSON.stringify({
          ...{ ID: 'abc', Version: { Index: 7 }, CreatedAt: 'x', UpdatedAt: 'x' },
          Spec: {
            ...spec,
            TaskTemplate: { ...spec.TaskTemplate, ...(placement && { Placement: placement }) },
          },
        }),
      );
      return;
    }
    const header = request.headers['x-registry-auth'];
    written.push({
      path: request.url ?? '',
      auth:
        header === undefined ? undefined : JSON.parse(Buffer.from(String(header), 'base64url').toString()),
      body: JSON.parse(Buffer.concat(chunks).toString()),
    });
    response.end('{"Warnings":null}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { swarm: createDockerodeSwarm({ host: `tcp://127.0.0.1:${port}` }), written };
}

suite('the write of a service', () => {
  test('changes the image and nothing else', async context => {
    const { swarm, written } = await startEngine(context);
    await swarm.updateServiceImage(
      'abc',
      { image: 'ghcr.io/acme/shop:2', platforms: [], isForce: false, version: 7 },
      credentials,
    );
    const [first] = written;
    assert.match(first?.path ?? '', /\/services\/abc\/update\?version=7$/);
    const { TaskTemplate: template } = spec;
    assert.deepEqual(first?.body, {
      ...spec,
      TaskTemplate: {
        ...template,
        ContainerSpec: { ...template.ContainerSpec, Image: 'ghcr.io/acme/shop:2' },
      },
    });
    assert.deepEqual(first?.auth, { username: 'robot', password: 'canary', serveraddress: 'ghcr.io' });
    assert.doesNotMatch(JSON.stringify(first?.body), /canary/);
  });

  test('puts the platforms of the new image in the place of the old ones, and leaves the placement as it is', async context => {
    const placement = { Constraints: ['node.role==worker'], MaxReplicas: 2, Future: 'kept' };
    const old = { ...placement, Platforms: [{ Architecture: 'arm64', OS: 'linux' }] };
    for (const [before, platforms, after] of [
      [undefined, [], undefined],
      [
        undefined,
        [{ os: 'linux', architecture: 'amd64' }],
        { Platforms: [{ Architecture: 'amd64', OS: 'linux' }] },
      ],
      [
        old,
        [
          { os: 'linux', architecture: 'amd64' },
          { os: 'linux', architecture: '' },
        ],
        { ...placement, Platforms: [{ Architecture: 'amd64', OS: 'linux' }, { OS: 'linux' }] },
      ],
      [old, [], placement],
    ] as const) {
      const { swarm, written } = await startEngine(context, before);
      await swarm.updateServiceImage('abc', {
        image: 'ghcr.io/acme/shop:2',
        platforms,
        isForce: false,
        version: 7,
      });
      assert.deepEqual(written[0]?.body.TaskTemplate.Placement, after);
    }
  });

  test('by force counts up', async context => {
    const { swarm, written } = await startEngine(context);
    await swarm.updateServiceImage('abc', {
      image: 'ghcr.io/acme/shop:1',
      platforms: [],
      isForce: true,
      version: 7,
    });
    assert.equal(written[0]?.body.TaskTemplate.ForceUpdate, 5);
  });

  test('without a login keeps the one that the swarm has, within a registry', async context => {
    const { swarm, written } = await startEngine(context);
    await swarm.updateServiceImage('abc', {
      image: 'ghcr.io/acme/other:2',
      platforms: [],
      isForce: false,
      version: 7,
    });
    assert.equal(written[0]?.auth, undefined);
  });

  test('without a login takes the one that the swarm has away, when another registry is to be asked', async context => {
    const { swarm, written } = await startEngine(context);
    for (const image of ['evil.test/acme/shop:1', 'nginx:1', 'ghcr.io:443/acme/shop:1']) {
      await swarm.updateServiceImage('abc', { image, platforms: [], isForce: false, version: 7 });
      assert.deepEqual(written.at(-1)?.auth, {}, image);
    }
  });
});

suite('an image in a registry', () => {
  test('has the digest and the platforms that the registry lists, whatever else is in the list', async context => {
    for (const [listed, platforms] of [
      [null, []],
      [undefined, []],
      [
        [
          { architecture: 'arm', os: 'linux', variant: 'v7' },
          { architecture: 'unknown', os: 'unknown' },
          { architecture: 7 },
        ],
        [
          { os: 'linux', architecture: 'arm' },
          { os: 'unknown', architecture: 'unknown' },
          { os: '', architecture: '' },
        ],
      ],
    ] as const) {
      const server = createServer((_request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ Descriptor: { digest: 'sha256:1' }, Platforms: listed }));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      context.after(() => server.close());
      const { port } = server.address() as AddressInfo;
      const swarm = createDockerodeSwarm({ host: `tcp://127.0.0.1:${port}` });
      const image = { registry: 'ghcr.io', repository: 'acme/shop', tag: '1' };
      assert.deepEqual(await swarm.resolveImage(image), { digest: 'sha256:1', platforms });
    }
  });
});

suite('the scale of a service', () => {
  test('changes the replicas and nothing else, and keeps the login that the swarm has', async context => {
    const { swarm, written } = await startEngine(context);
    assert.equal(await swarm.scaleService('abc', { replicas: 0, version: 7 }), 7);
    assert.match(written[0]?.path ?? '', /\/services\/abc\/update\?version=7$/);
    assert.deepEqual(written[0]?.body, { ...spec, Mode: { Replicated: { Replicas: 0 } } });
    assert.equal(written[0]?.auth, undefined);
  });
});

suite('what the swarm keeps', () => {
  test('has its content in the body, and never in the URL, which logs show', async context => {
    const { swarm, written } = await startEngine(context);
    await swarm.createSecret({ name: 'key', value: 'canary', owner: 'me' });
    await swarm.createConfig({ name: 'entry', labels: { a: 'b' }, data: '{}' });
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    assert.deepEqual(
      written.map(({ path, body }) => [path.replace(/^.*\/(?=secrets|configs)/, ''), body]),
      [
        ['secrets/create?', { Name: 'key', Labels: { 'swarm-utils.helper': 'me' }, Data: base64('canary') }],
        ['configs/create?', { Name: 'entry', Labels: { a: 'b' }, Data: base64('{}') }],
      ],
    );
  });
});

suite('a container that a task may run in', () => {
  const id = 'a1b2c3d4e5f6'.padEnd(64, '0');

  async function isRunning(context: TestContext, task: object, nodeState = 'ready'): Promise<boolean> {
    const status = { Timestamp: 'x', State: 'running', ContainerStatus: { ContainerID: id } };
    const base = { ID: 't', ServiceID: 's', NodeID: 'n', CreatedAt: 'x', Spec: {}, Status: status };
    const server = createServer((request, response) => {
      const isNodes = /\/nodes/.test(request.url ?? '');
      const answer = isNodes
        ? [{ ID: 'n', Status: { State: nodeState } }]
        : [{ ...base, DesiredState: 'running', ...task }];
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    context.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    return createDockerodeSwarm({ host: `tcp://127.0.0.1:${port}` }).isTaskRunningIn(id.slice(0, 12));
  }

  test('is alive, also while it is told to end, unless its node is down', async context => {
    assert.equal(await isRunning(context, {}), true);
    assert.equal(await isRunning(context, { DesiredState: 'shutdown' }), true);
    assert.equal(await isRunning(context, {}, 'unknown'), true);
    assert.equal(await isRunning(context, {}, 'down'), false);
    const ended = { Timestamp: 'x', State: 'failed', ContainerStatus: { ContainerID: id } };
    assert.equal(await isRunning(context, { Status: ended }), false);
    const other = { Timestamp: 'x', State: 'running', ContainerStatus: { ContainerID: `f${id}` } };
    assert.equal(await isRunning(context, { Status: other }), false);
  });
});

suite('the output of a task', () => {
  const frame = (stream: number, text: string) => {
    const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
    header.writeUInt32BE(text.length, 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };

  async function startLogs(context: TestContext, answer: (response: ServerResponse) => void): Promise<Swarm> {
    const server = createServer((_request, response) => answer(response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    context.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return createDockerodeSwarm({ host: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` });
  }

  test('is read as a whole', async context => {
    const swarm = await startLogs(context, response => response.end(frame(1, 'one\ntwo\n')));
    assert.deepEqual(await swarm.taskOutput('x'), { stdout: ['one', 'two'], stderr: [] });
    assert.deepEqual(await swarm.taskLogs('x', 1), ['two']);
  });

  test('is an error where it can not be, while logs are what there is of them', async context => {
    for (const answer of [
      (response: ServerResponse) => response.end(frame(3, 'incomplete')),
      (response: ServerResponse) => response.write(frame(1, 'one\n'), () => response.destroy()),
      (response: ServerResponse) => response.writeHead(404).end('{"message":"no such task"}'),
      (response: ServerResponse) => response.end(frame(1, 'x'.repeat(8 * 1024 * 1024))),
    ]) {
      const swarm = await startLogs(context, answer);
      await assert.rejects(swarm.taskOutput('x'), { code: 'logs_unavailable' });
    }
    const cut = await startLogs(context, response =>
      response.write(frame(1, 'one\n'), () => response.destroy()),
    );
    assert.deepEqual(await cut.taskLogs('x', 10), ['one']);
    const missing = await startLogs(context, response =>
      response.writeHead(404).end('{"message":"no such task"}'),
    );
    await assert.rejects(missing.taskLogs('x', 10), { code: 'logs_unavailable' });
  });
});
