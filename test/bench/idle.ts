import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, type Benchmark, startBenchLab } from './bench.ts';
import { buildBundle, startSwarmUtils } from './bundle.ts';
import { cells, formatTable, mebibytes, milliseconds, ratio } from './report.ts';
import {
  freePort,
  processorMs,
  residentBytes,
  type ServerProcess,
  startServer,
  waitUntilReady,
} from './server-process.ts';
import { pairRatios, summarize } from './statistics.ts';

/** The least that a server on Node can be. */
const floorScript =
  "require('node:http').createServer((_, response) => response.end('ok')).listen(Number(process.argv[1]), '127.0.0.1')";

interface Contender {
  readonly name: string;
  readonly readyPath: string;
  start(): Promise<ServerProcess>;
}

interface Sample {
  readonly readyMs: number;
  readonly startBytes: number;
  readonly idleBytes: number;
  readonly idleProcessorMs: number;
}

/** Start-up time, memory and size of the bundle. */
export const idleBenchmark: Benchmark = {
  summary: 'start-up time to ready and resident memory of the bundle, against a bare HTTP server on Node',
  defaults: { rounds: 7, seconds: 15 },
  async run(bench, { rounds, seconds: idleSeconds }) {
    const bundle = await buildBundle(bench);
    const lab = await startBenchLab(bench, 1);
    const { socketPath } = lab.manager;
    const contenders = [
      {
        name: 'swarm-utils',
        readyPath: '/readyz',
        start: () => startSwarmUtils(bench, bundle, { name: 'swarm-utils', socketPath, env: providersOn }),
      },
      { name: 'bare node:http', readyPath: '/', start: () => startFloor(bench) },
    ] as const;
    const samples = await measure(bench, contenders, rounds, idleSeconds);
    report(contenders, samples, idleSeconds);
    const { size } = await stat(bundle.mainFile);
    console.log(`\nThe bundle, dist/main.js: ${mebibytes(size)}.`);
    return true;
  },
};

/** All that there is to turn on. */
const providersOn = {
  SWARM_UTILS_WEBHOOK_MASTER_KEY: 'master key of the benchmark, long enough',
  SWARM_UTILS_GITHUB_ORG_NAME: 'acme',
  SWARM_UTILS_GITHUB_ORG_WEBHOOK_SECRET: 'secret of the organisation',
  SWARM_UTILS_OIDC_AUDIENCE: 'swarm-utils',
};

async function startFloor(bench: Bench): Promise<ServerProcess> {
  const port = await freePort();
  return startServer(bench, {
    name: 'bare-node-http',
    port,
    command: process.execPath,
    args: ['--eval', floorScript, String(port)],
    env: { NODE_ENV: 'production' },
  });
}

async function measure(
  { tell }: Bench,
  contenders: readonly Contender[],
  rounds: number,
  idleSeconds: number,
): Promise<ReadonlyMap<Contender, readonly Sample[]>> {
  const samples = new Map(contenders.map(contender => [contender, [] as Sample[]]));
  // The first start of all reads files from the disk.
  for (const contender of contenders) {
    const server = await contender.start();
    await waitUntilReady(server, contender.readyPath);
    await server.stop();
  }
  for (let round = 1; round <= rounds; round++) {
    const running = [];
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const server = await contender.start();
      const readyMs = await waitUntilReady(server, contender.readyPath);
      running.push({ contender, server, readyMs, startBytes: await residentBytes(server) });
    }
    // Once is enough for what takes so long, and they can be idle side by side.
    const before = await Promise.all(running.map(({ server }) => processorMs(server)));
    await sleep(round === rounds ? idleSeconds * 1000 : 0);
    for (const [index, { contender, server, readyMs, startBytes }] of running.entries()) {
      const idleBytes = await residentBytes(server);
      const idleProcessorMs = (await processorMs(server)) - (before[index] ?? 0);
      samples.get(contender)?.push({ readyMs, startBytes, idleBytes, idleProcessorMs });
      await server.stop();
    }
    const line = running.map(({ contender, readyMs }) => `${contender.name} ${milliseconds(readyMs)}`);
    tell(`round ${round} of ${rounds}: ready after ${line.join(', ')}`);
  }
  return samples;
}

function report(
  contenders: readonly [Contender, Contender],
  samples: ReadonlyMap<Contender, readonly Sample[]>,
  idleSeconds: number,
): void {
  const [ours, floor] = contenders;
  const of = (contender: Contender, read: (sample: Sample) => number) =>
    (samples.get(contender) ?? []).map(read);
  const rows = (what: string, read: (sample: Sample) => number, format: (value: number) => string) =>
    contenders.map(contender => [
      `${what}, ${contender.name}`,
      ...cells(summarize(of(contender, read)), format),
      ratio(summarize(pairRatios(of(contender, read), of(floor, read))).median),
    ]);
  console.log('\nRatio: to the bare server in the same round, median.\n');
  console.log(
    formatTable(
      ['', 'min', 'median', 'max', 'ratio'],
      [
        ...rows('start-up to ready', sample => sample.readyMs, milliseconds),
        ...rows('memory when ready', sample => sample.startBytes, mebibytes),
      ],
    ),
  );
  const idle = [ours, floor].map(contender => samples.get(contender)?.at(-1));
  const [oursIdle, floorIdle] = idle;
  if (oursIdle === undefined || floorIdle === undefined) {
    throw new TypeError('There was a last round.');
  }
  console.log(
    `\nAfter ${idleSeconds} s idle: swarm-utils ${mebibytes(oursIdle.idleBytes)}, bare server ${mebibytes(floorIdle.idleBytes)}, ` +
      `ratio ${ratio(oursIdle.idleBytes / floorIdle.idleBytes)}; processor time meanwhile ${milliseconds(oursIdle.idleProcessorMs)} ` +
      `and ${milliseconds(floorIdle.idleProcessorMs)}.`,
  );
}
