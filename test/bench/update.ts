import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';
import { type Bench, type Benchmark, startBenchLab } from './bench.ts';
import { adminToken, buildBundle, startSwarmUtils } from './bundle.ts';
import {
  allRun,
  connectEngine,
  type EngineApi,
  resolveDigest,
  rollOutByApi,
  type ServiceJson,
  tasksOf,
} from './engine-api.ts';
import { cells, describeTarget, formatTable, ratio, seconds } from './report.ts';
import { waitUntilReady } from './server-process.ts';
import { pairRatios, summarize } from './statistics.ts';

const REPLICAS = 2;
const MONITOR_MS = 1000;
const TARGET = 1.1;

/** Somebody who rolls an image out and knows when it is done. */
interface Contender {
  readonly name: string;
  /** Its own service. */
  readonly service: string;
  /** From the request to the verdict; rejects unless it succeeded. */
  update(image: string): Promise<void>;
}

/** Time from request to verdict against the bare Engine API and the Docker CLI. */
export const updateBenchmark: Benchmark = {
  summary: 'time of an update from request to verdict, against the bare Engine API and the Docker CLI',
  defaults: { rounds: 9 },
  async run(bench, { rounds }) {
    const bundle = await buildBundle(bench);
    const lab = await startBenchLab(bench, 3);
    const engine = connectEngine(lab.manager.socketPath);
    const images = await pullImages(lab, engine);
    const contenders = await startContenders(bench, lab, bundle, engine);
    for (const { service } of contenders) {
      await createService(lab, service, images[0].pinned);
      await settle(engine, service, images[0].pinned);
    }
    const times = await measure(bench, engine, contenders, images, rounds);
    return report(contenders, times);
  },
};

interface AppImage {
  readonly reference: string;
  readonly pinned: string;
}

/** Every node has both versions before the clock runs: pulling is not what is compared. */
async function pullImages(lab: Lab, engine: EngineApi): Promise<readonly [AppImage, AppImage]> {
  const [first, second] = await Promise.all(
    (['1', '2'] as const).map(async version => {
      const reference = lab.images.app[version];
      const pinned = `${reference}@${await resolveDigest(engine, reference)}`;
      await Promise.all(
        lab.nodes.map(async node => {
          const { exitCode, stderr } = await node.docker(['pull', '--quiet', pinned]);
          if (exitCode !== 0) {
            throw new Error(`${node.name} can't pull ${pinned}: ${stderr}`);
          }
        }),
      );
      return { reference, pinned };
    }),
  );
  if (first === undefined || second === undefined) {
    throw new TypeError('There are two versions.');
  }
  return [first, second];
}

async function startContenders(
  bench: Bench,
  lab: Lab,
  bundle: Awaited<ReturnType<typeof buildBundle>>,
  engine: EngineApi,
): Promise<readonly Contender[]> {
  const { socketPath } = lab.manager;
  const env = { SWARM_UTILS_DOCKER_CLI_IMAGE_NAME: lab.images.dockerCli };
  const server = await startSwarmUtils(bench, bundle, { name: 'swarm-utils', socketPath, env });
  await waitUntilReady(server, '/readyz');
  const ours = 'bench-swarm-utils';
  const bare = 'bench-engine-api';
  const cli = 'bench-cli';
  return [
    { name: 'swarm-utils', service: ours, update: image => requestUpdate(server.port, ours, image) },
    {
      name: 'Engine API',
      service: bare,
      update: image => rollOutByApi(engine, bare, image, REPLICAS),
    },
    {
      name: 'docker service update',
      service: cli,
      async update(image) {
        const words = ['service', 'update', '--quiet', '--detach=false', '--image', image, cli];
        const { exitCode, stderr } = await lab.manager.docker(words);
        if (exitCode !== 0) {
          throw new Error(`docker ${words.join(' ')} ended with ${exitCode}: ${stderr}`);
        }
      },
    },
  ];
}

async function requestUpdate(port: number, serviceName: string, image: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/api/update/service`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ serviceName, image }),
  });
  const answer = await response.text();
  if (response.status !== 200 || (JSON.parse(answer) as { status?: string }).status !== 'succeeded') {
    throw new Error(`swarm-utils answered ${response.status}: ${answer}`);
  }
}

async function createService(lab: Lab, name: string, image: string): Promise<void> {
  await lab.manager.engine().createService({
    Name: name,
    Labels: { 'swarm-utils.update.enable': 'true' },
    TaskTemplate: { ContainerSpec: { Image: image } },
    Mode: { Replicated: { Replicas: REPLICAS } },
    UpdateConfig: {
      Parallelism: 1,
      Monitor: MONITOR_MS * 1_000_000,
      FailureAction: 'pause',
      Order: 'stop-first',
    },
    EndpointSpec: { Mode: 'dnsrr' },
  });
}

async function measure(
  { tell }: Bench,
  engine: EngineApi,
  contenders: readonly Contender[],
  images: readonly [AppImage, AppImage],
  rounds: number,
): Promise<ReadonlyMap<Contender, readonly number[]>> {
  const times = new Map(contenders.map(contender => [contender, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    const { reference, pinned } = images[round % 2 === 0 ? 1 : 0];
    // Who begins changes, so that nobody always comes after the same one.
    const shift = round % contenders.length;
    const inTurn = [...contenders.slice(shift), ...contenders.slice(0, shift)];
    for (const contender of inTurn) {
      const start = performance.now();
      await contender.update(reference);
      times.get(contender)?.push(performance.now() - start);
      await settle(engine, contender.service, pinned);
    }
    const line = contenders.map(
      contender => `${contender.name} ${seconds(times.get(contender)?.at(-1) ?? 0)}`,
    );
    tell(`round ${round + 1} of ${rounds}: ${line.join(', ')}`);
  }
  return times;
}

/** Waits until nothing of a rollout is left to do, and sees that it did what was asked for. */
async function settle(engine: EngineApi, service: string, image: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const { ID: id, UpdateStatus: update } = await engine.get<ServiceJson>(`/services/${service}`);
    const tasks = await tasksOf(engine, id);
    const isStill = tasks.every(
      task => (task.DesiredState === 'running') === (task.Status.State === 'running'),
    );
    if (isStill && allRun(tasks, image, REPLICAS) && (update?.State ?? 'completed') === 'completed') {
      break;
    }
    if (performance.now() > deadline) {
      throw new Error(`${service} does not run ${image}, ${update?.State}: ${update?.Message}`);
    }
    await sleep(50);
  }
  await sleep(200);
}

function report(contenders: readonly Contender[], times: ReadonlyMap<Contender, readonly number[]>): boolean {
  const [ours, reference] = contenders;
  const timesOf = (contender: Contender | undefined) => (contender && times.get(contender)) ?? [];
  const ratios = (contender: Contender | undefined) =>
    summarize(pairRatios(timesOf(contender), timesOf(reference)));
  const rows = contenders.map(contender => [
    contender.name,
    ...cells(summarize(timesOf(contender)), seconds),
    ...cells(ratios(contender), ratio),
  ]);
  console.log(
    `\nFrom request to verdict, ${timesOf(ours).length} rounds in turn; ${REPLICAS} replicas one after the other, monitor ${MONITOR_MS / 1000} s.`,
  );
  console.log('Ratio: to the Engine API in the same round.\n');
  console.log(formatTable(['', 'min', 'median', 'max', 'ratio min', 'median', 'max'], rows));
  const { median } = ratios(ours);
  const isMet = median <= TARGET;
  console.log(
    `\n${describeTarget(`median ratio of swarm-utils ${ratio(median)}, target ≤ ${ratio(TARGET)}`, isMet)}`,
  );
  return isMet;
}
