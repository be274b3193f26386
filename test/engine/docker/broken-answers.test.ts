import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HelperService } from '../../../src/core/helper.ts';
import { parseImageReference } from '../../../src/core/image-reference.ts';
import { createDockerodeSwarm } from '../../../src/engine/dockerode.ts';
import { type Swarm, SwarmError, type SwarmErrorCode } from '../../../src/engine/swarm.ts';
import { type Misbehaviour, type StandInEngine, startStandInEngine } from '../../fixtures/stand-in-engine.ts';
import {
  type BadAnswer,
  cutAnswers,
  endlessAnswers,
  errorAnswers,
  tooLarge,
  wrongAnswers,
} from './misbehaviours.ts';

/** For answers that do not end. All others come at once, however slow the machine is. */
const shortTimeoutMs = 1000;
const maxAnswerBytes = 256 * 1024;

const spec = {
  Name: 'shop',
  TaskTemplate: { ContainerSpec: { Image: 'registry.test/shop:1' }, ForceUpdate: 0 },
  Mode: { Replicated: { Replicas: 2 } },
};
const task = {
  ID: 'task1',
  ServiceID: 'shop1',
  NodeID: 'node1',
  CreatedAt: 'x',
  DesiredState: 'running',
  Spec: { ContainerSpec: { Image: 'registry.test/shop:1' } },
  Status: { Timestamp: 'x', State: 'running', ContainerStatus: { ContainerID: 'abc', ExitCode: 0 } },
};
const node = {
  ID: 'node1',
  Spec: { Role: 'manager', Availability: 'active' },
  Description: { Hostname: 'one' },
  Status: { State: 'ready' },
};
const helper: HelperService = {
  name: 'swarm-utils-exec-0123456789',
  image: 'docker:cli',
  command: ['docker', 'version'],
  nodeId: 'node1',
  mounts: [],
  timeoutMs: 1,
};
const image = parseImageReference('registry.test/shop:1') ?? assert.fail();
const owner = 'container/1';

/** A method of the interface: how it is called, and how many times what it does has been done. */
interface MethodCase {
  call(swarm: Swarm): Promise<unknown>;
  /** Undefined of what only reads. */
  readonly timesDone?: (engine: StandInEngine) => number;
  /** A second removal finds nothing and is done. */
  readonly isLogs?: true;
}

const nameOf = (thing: Record<string, unknown>) => (thing.Spec as { readonly Name?: string }).Name;
const countOf = (things: ReadonlyMap<string, Record<string, unknown>>, name: string) =>
  [...things.values()].filter(thing => nameOf(thing) === name).length;
const shopOf = (engine: StandInEngine) =>
  engine.services.get('shop1') as { readonly Version: { readonly Index: number } };

/** All there are: one that is added to the interface and not here does not compile. */
const methods: Readonly<Record<keyof Swarm, MethodCase>> = {
  checkManager: { call: swarm => swarm.checkManager() },
  findService: { call: swarm => swarm.findService('shop') },
  getService: { call: swarm => swarm.getService('shop1') },
  listServices: { call: swarm => swarm.listServices() },
  updateServiceImage: {
    call: swarm =>
      swarm.updateServiceImage('shop1', {
        image: 'registry.test/shop:2',
        platforms: [],
        isForce: true,
        version: 7,
      }),
    timesDone: engine => (shopOf(engine).Version.Index === 7 ? 0 : 1),
  },
  scaleService: {
    call: swarm => swarm.scaleService('shop1', { replicas: 0, version: 7 }),
    timesDone: engine => (shopOf(engine).Version.Index === 7 ? 0 : 1),
  },
  createHelper: {
    call: swarm => swarm.createHelper(helper, { owner }),
    timesDone: engine => countOf(engine.services, helper.name),
  },
  removeService: {
    call: swarm => swarm.removeService('shop1'),
    timesDone: engine => (engine.services.has('shop1') ? 0 : 1),
  },
  listTasks: { call: swarm => swarm.listTasks('shop1') },
  getTask: { call: swarm => swarm.getTask('task1') },
  taskLogs: { call: swarm => swarm.taskLogs('task1', 10), isLogs: true },
  taskOutput: { call: swarm => swarm.taskOutput('task1'), isLogs: true },
  createSecret: {
    call: swarm => swarm.createSecret({ name: 'key', value: 'canary', owner }),
    timesDone: engine => countOf(engine.secrets, 'key'),
  },
  listHelperSecrets: { call: swarm => swarm.listHelperSecrets() },
  removeSecret: {
    call: swarm => swarm.removeSecret('secret1'),
    timesDone: engine => (engine.secrets.has('secret1') ? 0 : 1),
  },
  createConfig: {
    call: swarm => swarm.createConfig({ name: 'entry', labels: { a: 'b' }, data: '{}' }),
    timesDone: engine => countOf(engine.configs, 'entry'),
  },
  listConfigs: { call: swarm => swarm.listConfigs('a') },
  removeConfig: {
    call: swarm => swarm.removeConfig('config1'),
    timesDone: engine => (engine.configs.has('config1') ? 0 : 1),
  },
  isTaskRunningIn: { call: swarm => swarm.isTaskRunningIn('abc') },
  serviceOfContainer: { call: swarm => swarm.serviceOfContainer('abc') },
  listNodes: { call: swarm => swarm.listNodes() },
  describeEngine: { call: swarm => swarm.describeEngine() },
  resolveImage: { call: swarm => swarm.resolveImage(image) },
};

async function startEngine(context: TestContext): Promise<StandInEngine> {
  const engine = await startStandInEngine();
  context.after(() => engine.close());
  const kept = (id: string, name: string) => ({
    ID: id,
    Version: { Index: 1 },
    Spec: { Name: name, Data: 'e30=' },
  });
  engine.services.set('shop1', {
    ID: 'shop1',
    Version: { Index: 7 },
    CreatedAt: 'x',
    UpdatedAt: 'x',
    Spec: spec,
  });
  engine.tasks.set('task1', task);
  engine.nodes.set('node1', node);
  engine.secrets.set('secret1', kept('secret1', 'other-secret'));
  engine.configs.set('config1', kept('config1', 'other-config'));
  return engine;
}

/** Calls a method of a swarm whose Engine misbehaves. */
async function callBadly(
  context: TestContext,
  { call, timesDone }: MethodCase,
  misbehaviour: Misbehaviour,
  options: { readonly isOnce?: true; readonly isPing?: true; readonly requestTimeoutMs?: number } = {},
) {
  const { isOnce, isPing = false, requestTimeoutMs = 30_000 } = options;
  const engine = await startEngine(context);
  let times = 0;
  let isOpen = 0;
  engine.misbehave(request => {
    if ((request.path === '/_ping') !== isPing || (isOnce && times > 0)) {
      return undefined;
    }
    times += 1;
    return (response, work, seen) => {
      // What is on the way does not say what the Engine is.
      response.removeHeader('Api-Version');
      isOpen += 1;
      response.once('close', () => {
        isOpen -= 1;
      });
      misbehaviour(response, work, seen);
    };
  });
  const swarm = createDockerodeSwarm({
    host: engine.host,
    requestTimeoutMs,
    maxAnswerBytes,
    patienceMs: 300,
  });
  const [result] = await Promise.allSettled([call(swarm)]);
  // The other side learns of a connection that is closed a moment later.
  for (let tries = 0; isOpen > 0 && tries < 200; tries += 1) {
    await sleep(10);
  }
  assert.equal(isOpen, 0, 'a connection is left open');
  return { engine, result, done: timesDone?.(engine) };
}

type Bad = Awaited<ReturnType<typeof callBadly>>;

function errorOf({ result }: Bad, what: string): SwarmError {
  assert.equal(result.status, 'rejected', `${what}: resolves with ${JSON.stringify(result)}`);
  assert.ok(result.reason instanceof SwarmError, `${what}: ${result.reason}`);
  return result.reason;
}

const finite: Readonly<Record<string, BadAnswer>> = {
  ...cutAnswers,
  ...wrongAnswers,
  ...errorAnswers,
  'is too large': tooLarge(maxAnswerBytes),
};

for (const [method, each] of Object.entries(methods)) {
  suite(method, { timeout: 600_000 }, () => {
    test('comes to an end, whatever its Engine answers', async context => {
      await Promise.all(
        Object.entries(finite).map(async ([what, { misbehaviour }]) => {
          check(await callBadly(context, each, misbehaviour), method, what);
        }),
      );
    });

    test('asks nothing of an Engine that can not say what it is', async context => {
      await Promise.all(
        Object.entries({ ...cutAnswers, ...errorAnswers }).map(async ([what, { misbehaviour }]) => {
          const bad = await callBadly(context, each, misbehaviour, { isPing: true });
          assert.match(errorOf(bad, what).code, /^(unavailable|logs_unavailable)$/, what);
          assert.deepEqual(bad.engine.requests, [], what);
        }),
      );
    });

    test('is not put off by one answer that breaks off or is wrong', async context => {
      const answers = { ...cutAnswers, ...wrongAnswers, ...errorAnswers };
      await Promise.all(
        Object.entries(answers).map(async ([what, { misbehaviour }]) => {
          checkOnce(await callBadly(context, each, misbehaviour, { isOnce: true }), method, what);
        }),
      );
    });
  });
}

suite('an answer that does not end', { timeout: 600_000 }, () => {
  for (const [what, { misbehaviour }] of Object.entries(endlessAnswers)) {
    test(`${what}, and the call ends all the same`, async context => {
      await Promise.all(
        Object.entries(methods).flatMap(([method, each]) => [
          callBadly(context, each, misbehaviour, { requestTimeoutMs: shortTimeoutMs }).then(bad =>
            check(bad, method, `${method} ${what}`),
          ),
          callBadly(context, each, misbehaviour, { requestTimeoutMs: shortTimeoutMs, isPing: true }).then(
            bad => assert.match(errorOf(bad, method).code, /^(unavailable|logs_unavailable)$/, method),
          ),
        ]),
      );
    });
  }
});

function check(bad: Bad, method: string, what: string): void {
  const each = methods[method as keyof Swarm];
  if (each.timesDone !== undefined) {
    checkWrite(bad, what);
  } else if (each.isLogs === undefined) {
    const { code, message } = errorOf(bad, what);
    const codes: readonly SwarmErrorCode[] =
      method === 'resolveImage' ? ['unavailable', 'registry_unreachable'] : ['unavailable'];
    assert.ok(codes.includes(code), `${what}: ${code}: ${message}`);
  }
}

function checkWrite(bad: Bad, what: string): void {
  const { result, done } = bad;
  if (result.status === 'fulfilled') {
    assert.equal(done, 1, `${what}: it says that it was done`);
  } else {
    const error = errorOf(bad, what);
    assert.match(error.code, /^(unavailable|rejected)$/, `${what}: ${error.message}`);
    assert.ok(error.mayBeDone || done === 0, `${what}: it says that it was not done`);
  }
}

function checkOnce(bad: Bad, method: string, what: string): void {
  if (method === 'resolveImage' && what === 'is an error of the Engine') {
    assert.equal(errorOf(bad, what).code, 'registry_unreachable');
    return;
  }
  assert.equal(bad.result.status, 'fulfilled', `${what}: ${JSON.stringify(bad.result)}`);
  assert.ok(bad.done === undefined || bad.done === 1, what);
}
