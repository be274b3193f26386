import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { createDockerodeSwarm } from '../../src/engine/dockerode.ts';
import type { Swarm } from '../../src/engine/swarm.ts';
import {
  frame,
  json,
  type Misbehaviour,
  refusal,
  type StandInEngine,
  sendAnswer,
  startStandInEngine,
} from '../fixtures/stand-in-engine.ts';

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
  readonly version: string | null;
  readonly query: string;
  readonly auth: unknown;
  readonly body: typeof spec & { readonly TaskTemplate: { readonly Placement?: object } };
}

async function connect(
  context: TestContext,
): Promise<{ readonly engine: StandInEngine; readonly swarm: Swarm }> {
  const engine = await startStandInEngine();
  context.after(() => engine.close());
  return { engine, swarm: createDockerodeSwarm({ host: engine.host }) };
}

/** An Engine that has one service, and how it is written. */
async function startEngine(context: TestContext, placement?: object) {
  const { engine, swarm } = await connect(context);
  const template = { ...spec.TaskTemplate, ...(placement && { Placement: placement }) };
  const resetService = () =>
    engine.services.set('abc', {
      ...{ ID: 'abc', Version: { Index: 7 }, CreatedAt: 'x', UpdatedAt: 'x' },
      Spec: { ...spec, TaskTemplate: template },
    });
  resetService();
  const written = (): readonly Written[] =>
    engine.requests
      .filter(({ method }) => method === 'POST')
      .map(({ path, query, headers, body }) => {
        const header = headers['x-registry-auth'];
        return {
          path,
          version: query.get('version'),
          query: query.toString(),
          auth:
            header === undefined
              ? undefined
              : JSON.parse(Buffer.from(String(header), 'base64url').toString()),
          body: JSON.parse(body),
        };
      });
  return { swarm, engine, written, resetService };
}

suite('the write of a service', () => {
  test('changes the image and nothing else', async context => {
    const { swarm, written } = await startEngine(context);
    await swarm.updateServiceImage(
      'abc',
      { image: 'ghcr.io/acme/shop:2', platforms: [], isForce: false, version: 7 },
      credentials,
    );
    const [first] = written();
    assert.deepEqual([first?.path, first?.version], ['/services/abc/update', '7']);
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
      assert.deepEqual(written()[0]?.body.TaskTemplate.Placement, after);
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
    assert.equal(written()[0]?.body.TaskTemplate.ForceUpdate, 5);
  });

  test('without a login keeps the one that the swarm has, within a registry', async context => {
    const { swarm, written } = await startEngine(context);
    await swarm.updateServiceImage('abc', {
      image: 'ghcr.io/acme/other:2',
      platforms: [],
      isForce: false,
      version: 7,
    });
    assert.equal(written()[0]?.auth, undefined);
  });

  test('without a login takes the one that the swarm has away, when another registry is to be asked', async context => {
    const { swarm, written, resetService } = await startEngine(context);
    for (const image of ['evil.test/acme/shop:1', 'nginx:1', 'ghcr.io:443/acme/shop:1']) {
      resetService();
      await swarm.updateServiceImage('abc', { image, platforms: [], isForce: false, version: 7 });
      assert.deepEqual(written().at(-1)?.auth, {}, image);
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
      const { engine, swarm } = await connect(context);
      const answer = json(200, { Descriptor: { digest: 'sha256:1' }, Platforms: listed });
      engine.misbehave(({ path }) =>
        path === '/distribution/ghcr.io/acme/shop:1/json'
          ? response => sendAnswer(response, answer)
          : undefined,
      );
      const image = { registry: 'ghcr.io', repository: 'acme/shop', tag: '1' };
      assert.deepEqual(await swarm.resolveImage(image), { digest: 'sha256:1', platforms });
    }
  });
});

suite('the scale of a service', () => {
  test('changes the replicas and nothing else, and keeps the login that the swarm has', async context => {
    const { swarm, written } = await startEngine(context);
    assert.equal(await swarm.scaleService('abc', { replicas: 0, version: 7 }), 101);
    assert.deepEqual([written()[0]?.path, written()[0]?.version], ['/services/abc/update', '7']);
    assert.deepEqual(written()[0]?.body, { ...spec, Mode: { Replicated: { Replicas: 0 } } });
    assert.equal(written()[0]?.auth, undefined);
  });
});

suite('what the swarm keeps', () => {
  test('has its content in the body, and never in the URL, which logs show', async context => {
    const { swarm, written } = await startEngine(context);
    await swarm.createSecret({ name: 'key', value: 'canary', owner: 'me' });
    await swarm.createConfig({ name: 'entry', labels: { a: 'b' }, data: '{}' });
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    assert.deepEqual(
      written().map(({ path, query, body }) => [path, query, body]),
      [
        [
          '/secrets/create',
          '',
          { Name: 'key', Labels: { 'swarm-utils.helper': 'me' }, Data: base64('canary') },
        ],
        ['/configs/create', '', { Name: 'entry', Labels: { a: 'b' }, Data: base64('{}') }],
      ],
    );
  });
});

suite('a container that a task may run in', () => {
  const id = 'a1b2c3d4e5f6'.padEnd(64, '0');

  async function isRunning(context: TestContext, task: object, nodeState = 'ready'): Promise<boolean> {
    const status = { Timestamp: 'x', State: 'running', ContainerStatus: { ContainerID: id } };
    const base = { ID: 't', ServiceID: 's', NodeID: 'n', CreatedAt: 'x', Spec: {}, Status: status };
    const { engine, swarm } = await connect(context);
    engine.tasks.set('t', { ...base, DesiredState: 'running', ...task });
    engine.nodes.set('n', {
      ...{ ID: 'n', Spec: { Role: 'worker', Availability: 'active' }, Description: { Hostname: 'n' } },
      Status: { State: nodeState },
    });
    return swarm.isTaskRunningIn(id.slice(0, 12));
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
  async function startLogs(context: TestContext, logs: Buffer, misbehaviour?: Misbehaviour): Promise<Swarm> {
    const { engine, swarm } = await connect(context);
    engine.logs = logs;
    engine.misbehave(({ path }) => (path.endsWith('/logs') ? misbehaviour : undefined));
    return swarm;
  }

  const breakOff: Misbehaviour = (response, work) => response.write(work().body, () => response.destroy());
  const refuse: Misbehaviour = response => sendAnswer(response, refusal(404, 'task x not found'));
  const ofTheEngine = Buffer.from([3, ...frame('incomplete').subarray(1)]);

  test('is read as a whole', async context => {
    const swarm = await startLogs(context, frame('one\ntwo\n'));
    assert.deepEqual(await swarm.taskOutput('x'), { stdout: ['one', 'two'], stderr: [] });
    assert.deepEqual(await swarm.taskLogs('x', 1), ['two']);
  });

  test('is an error where it can not be', async context => {
    for (const [logs, misbehaviour, code] of [
      [ofTheEngine, undefined, 'logs_unavailable'],
      [frame('one\n').subarray(0, -1), undefined, 'logs_unavailable'],
      [frame('one\n'), breakOff, 'unavailable'],
      [frame('one\n'), refuse, 'logs_unavailable'],
      [frame('x'.repeat(8 * 1024 * 1024)), undefined, 'logs_unavailable'],
    ] as const) {
      const swarm = await startLogs(context, logs, misbehaviour);
      await assert.rejects(swarm.taskOutput('x'), { code });
    }
  });

  test('that breaks off, or is too much, is what there is of it as logs, and they say so', async context => {
    const cut = await startLogs(context, frame('one\n'), breakOff);
    assert.deepEqual(await cut.taskLogs('x', 10), ['one', '(it breaks off here)']);
    const large = await startLogs(context, frame(`${'x'.repeat(300 * 1024)}\n`));
    assert.match((await large.taskLogs('x', 10)).at(-1) ?? '', /^\(there is more than 262144 bytes of it\)$/);
    const missing = await startLogs(context, frame(''), refuse);
    await assert.rejects(missing.taskLogs('x', 10), {
      code: 'logs_unavailable',
      message: 'task x not found',
    });
  });
});
