import assert from 'node:assert/strict';
import { openRestoreScene, type RestoreScene } from './restore-scene.ts';

/** What became of one operation. */
export interface Attempt {
  readonly kind: string;
  /** Undefined where swarm-utils did not accept it. */
  // biome-ignore lint/suspicious/noExplicitAny: an operation of the API
  readonly operation: any;
  /** Fails where the verdict is not what the swarm and its nodes show. */
  check(): Promise<void>;
}

/** Does one operation after the other on one target. */
export type Lane = () => Promise<Attempt>;

export interface FaultScene extends RestoreScene {
  readonly lanes: readonly Lane[];
  isReady(): Promise<boolean>;
  /** Whether something that the schedule began after this time has succeeded. */
  hasRunSince(ms: number): Promise<boolean>;
  /** Waits until every service runs, and nothing of any operation is left. */
  untilMended(timeoutMs: number): Promise<void>;
}

/** For a service that was stopped to run again, also when that is mended only after the operation. */
const COMEBACK_MS = 90_000;

/** Services and a node that are updated, cleaned, backed up and restored all the time. */
export async function createFaultScene(environment: Readonly<Record<string, string>>): Promise<FaultScene> {
  const scene = await openRestoreScene({
    SWARM_UTILS_UPDATE_SERVICE_TIMEOUT: '60000',
    SWARM_UTILS_LOCK_TIMEOUT: '10000',
    SWARM_UTILS_EXTRA_TIMEOUT: '30000',
    ...environment,
  });
  const { lab, deployment, services, until } = scene;
  const { adminToken } = deployment.secrets;
  const replicas = new Map<string, number>();
  const post = async (path: string, body: object) => {
    const answer = await deployment.api.post(path, body, adminToken);
    // What is not accepted is an error without steps, and says so.
    return answer.body?.steps === undefined ? undefined : answer.body;
  };
  const runs = async (name: string) => (await scene.tasks(name)).length === replicas.get(name);
  const wentWell = (operation: Attempt['operation']) =>
    operation?.status === 'succeeded' || operation?.status === 'unchanged';

  async function updates(
    name: string,
    count: number,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<Lane> {
    await scene.create(name, { replicas: count, labels });
    replicas.set(name, count);
    const { '2': two, '3': three, '1': one } = lab.images.app;
    const images = [two, three, one];
    let turn = 0;
    return async () => {
      const before = await services.image(name);
      const image = images[turn++ % images.length] ?? assert.fail();
      const operation = await post('/api/update/service', { serviceName: name, image });
      return {
        kind: 'update',
        operation,
        async check() {
          const wanted = await scene.pinned(image);
          const now = await services.image(name);
          if (wentWell(operation)) {
            assert.equal(now, wanted, JSON.stringify(operation));
            assert.deepEqual([...new Set(await services.runningImages(name))], [wanted]);
          } else if (now !== before) {
            // Of what was done it must not be said that it was not.
            const steps: readonly { name: string; status: string }[] = operation?.steps ?? [];
            const hasRolledOut = steps.some(
              ({ name, status }) => name === 'rollout' && status === 'succeeded',
            );
            const message = operation?.error?.message ?? '';
            assert.ok(hasRolledOut || /not known|goes on/.test(message), JSON.stringify(operation));
          }
          // What goes on is over before the next one begins.
          await until(`${name} has settled`, () => runs(name), COMEBACK_MS);
        },
      };
    };
  }

  async function cleans(name: string): Promise<Lane> {
    const labels = { 'swarm-utils.clean.enable': 'true', 'swarm-utils.clean.exec': 'echo 1 >>/tmp/cleaned' };
    await scene.create(name, { replicas: 2, labels });
    replicas.set(name, 2);
    const counts = async () =>
      (await scene.inTasks(name, 'sh', '-c', 'touch /tmp/cleaned; wc -l </tmp/cleaned')).map(Number);
    return async () => {
      const before = Math.max(...(await counts()));
      const least = Math.min(...(await counts()));
      const operation = await post('/api/clean/service', { serviceName: name });
      return {
        kind: 'clean service',
        operation,
        async check() {
          for (const count of await counts()) {
            assert.ok(count <= before + 1, `once at most: ${JSON.stringify(operation)}`);
            assert.ok(!wentWell(operation) || count > least, JSON.stringify(operation));
          }
        },
      };
    };
  }

  function cleansNode(name: string): Lane {
    const node = scene.node(name);
    const docker = async (...args: readonly string[]) => (await node.docker(args)).exitCode === 0;
    let turn = 0;
    return async () => {
      const container = `left-over-${turn++}`;
      assert.ok(await docker('run', '--network', 'none', '--name', container, lab.images.app['1'], 'true'));
      const operation = await post('/api/clean/node', { nodeName: name });
      return {
        kind: 'clean node',
        operation,
        async check() {
          const isThere = await docker('inspect', container);
          assert.ok(!(wentWell(operation) && isThere), JSON.stringify(operation));
          await docker('rm', '--force', container);
        },
      };
    };
  }

  async function backsUp(name: string): Promise<Lane> {
    await scene.createBackedUp(
      name,
      { [name]: '/data' },
      { labels: { 'swarm-utils.backup.engine': 'restic' } },
    );
    replicas.set(name, 1);
    const kinds = ['backup', 'restore', 'backup', 'drill'] as const;
    const read = async () =>
      (await scene.inTasks(name, 'cat', '/data/one', '/data/two')).join('').trim().split('\n');
    let turn = 0;
    let written = 0;
    let backedUp = 0;
    return async () => {
      await until(`${name} runs`, () => runs(name), COMEBACK_MS);
      const kind = kinds[turn++ % kinds.length] ?? assert.fail();
      written += 1;
      await scene.inTasks(name, 'sh', '-c', `echo ${written} >/data/one; echo ${written} >/data/two`);
      const operation =
        kind === 'backup'
          ? await post('/api/backup/service', { serviceName: name })
          : await post('/api/restore/service', {
              serviceName: name,
              ...(kind === 'drill' && { drill: true }),
            });
      return {
        kind,
        operation,
        async check() {
          await until(`${name} runs again`, () => runs(name), COMEBACK_MS);
          const [one, two] = (await read()).map(Number);
          assert.ok(
            one !== undefined && one === two,
            `half of two contents: ${one} ${two} ${JSON.stringify(operation)}`,
          );
          if (kind === 'restore' && wentWell(operation)) {
            assert.ok(
              one >= backedUp && one < written,
              `${one} of ${backedUp}: ${JSON.stringify(operation)}`,
            );
          } else if (kind !== 'restore') {
            assert.equal(one, written, JSON.stringify(operation));
          }
          if (kind === 'backup' && wentWell(operation)) {
            backedUp = written;
          }
        },
      };
    };
  }

  const timed = 'timed';
  await scene.create(timed, {
    labels: {
      'swarm-utils.clean.enable': 'true',
      'swarm-utils.clean.exec': 'true',
      'swarm-utils.clean.cron': '*/15 * * * * *',
    },
  });
  replicas.set(timed, 1);
  const lanes = [
    await updates('updated-1', 1),
    await updates('updated-2', 2),
    await updates('updated-3', 2, {
      'swarm-utils.update.exec-pre': 'true',
      'swarm-utils.update.exec-post': 'true',
    }),
    await cleans('cleaned-1'),
    cleansNode('worker-2'),
    await backsUp('stored-1'),
    await backsUp('stored-2'),
  ];

  return {
    ...scene,
    lanes,
    isReady: () => deployment.api.get('/readyz').then(({ status }) => status === 200),
    async hasRunSince(ms) {
      const { body } = await deployment.api.get('/api/schedule?limit=10', adminToken);
      const entry = body.entries?.find((each: { serviceName?: string }) => each.serviceName === timed);
      const found: readonly { status: string; scheduledAt: string }[] = entry?.runs ?? [];
      return found.some(({ status, scheduledAt }) => status === 'succeeded' && Date.parse(scheduledAt) > ms);
    },
    async untilMended(timeoutMs) {
      for (const name of replicas.keys()) {
        await until(`${name} runs`, () => runs(name), timeoutMs);
      }
      // The schedule goes on meanwhile, and has helpers of its own now and then.
      await until(
        'nothing is left',
        () =>
          scene.assertNothingLeft().then(
            () => true,
            () => false,
          ),
        timeoutMs,
      );
    },
  };
}
