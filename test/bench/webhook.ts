import { setTimeout as sleep } from 'node:timers/promises';
import { adnanhVersion, startAdnanh } from './adnanh.ts';
import { type Bench, type Benchmark, type Counts, startBenchLab } from './bench.ts';
import { adminToken, buildBundle, startSwarmUtils } from './bundle.ts';
import { runLoad } from './load.ts';
import { cells, describeTarget, formatTable, ratio } from './report.ts';
import { processorMs, waitUntilQuiet, waitUntilReady } from './server-process.ts';
import { pairRatios, quantile, summarize } from './statistics.ts';
import {
  createServices,
  type Kind,
  type Lane,
  MASTER_KEY,
  makeLanes,
  owner,
  payloadBytes,
  SECRET,
} from './webhook-lanes.ts';

const TARGET = 1;

interface Sample {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly processorMsPerWebhook: number;
  /** From the last answer until all that was started had ended and the server was at rest. */
  readonly tailMs: number;
}

/** Verified webhooks per second, against adnanh's `webhook`. */
export const webhookBenchmark: Benchmark = {
  summary: 'verified webhooks a second, valid and forged, against adnanh’s webhook (Debian package)',
  defaults: { rounds: 7, requests: 3000, connections: 16 },
  async run(bench, counts) {
    const bundle = await buildBundle(bench);
    const adnanh = await startAdnanh(bench, SECRET);
    const lab = await startBenchLab(bench, 1);
    await createServices(lab);
    const start = (name: string, failureLimit: string) =>
      startSwarmUtils(bench, bundle, {
        name,
        socketPath: lab.manager.socketPath,
        env: {
          SWARM_UTILS_WEBHOOK_MASTER_KEY: MASTER_KEY,
          SWARM_UTILS_GITHUB_ORG_NAME: owner,
          SWARM_UTILS_GITHUB_ORG_WEBHOOK_SECRET: SECRET,
          SWARM_UTILS_AUTH_FAILURE_LIMIT: failureLimit,
        },
      });
    const ours = await start('swarm-utils', '60');
    const unlimited = await start('swarm-utils without limit', '0');
    await Promise.all([
      waitUntilReady(adnanh, '/'),
      waitUntilReady(ours, '/readyz'),
      waitUntilReady(unlimited, '/readyz'),
    ]);
    const lanes = makeLanes(adnanh, ours, unlimited);
    const samples = await measure(bench, lanes, counts);
    return report(lanes, samples, counts);
  },
};

async function measure(
  { resources, tell }: Bench,
  lanes: readonly Lane[],
  { rounds, requests, connections }: Counts,
): Promise<ReadonlyMap<Lane, readonly Sample[]>> {
  const samples = new Map(lanes.map(lane => [lane, [] as Sample[]]));
  let firstNumber = 1;
  const measureLane = async (lane: Lane): Promise<Sample> => {
    const { server, path, event, payload, secret, statuses } = lane;
    await waitUntilQuiet(server);
    const before = await processorMs(server);
    const job = {
      port: server.port,
      path,
      event,
      payload,
      secret,
      count: requests,
      firstNumber,
      connections,
    };
    firstNumber += requests;
    const result = await runLoad(resources, job);
    const doneMs = lane.program === 'adnanh' ? 0 : await waitUntilDone(server.port);
    const tailMs = doneMs + (await waitUntilQuiet(server));
    const odd = Object.entries(result.statuses).filter(([status]) => !statuses.includes(Number(status)));
    if (odd.length > 0) {
      throw new Error(`${lane.name}: answered ${JSON.stringify(result.statuses)}.`);
    }
    return {
      perSecond: (requests / result.elapsedMs) * 1000,
      p99Ms: quantile(
        [...result.latenciesMs].sort((a, b) => a - b),
        0.99,
      ),
      processorMsPerWebhook: ((await processorMs(server)) - before) / requests,
      tailMs,
    };
  };
  tell('one round to warm up');
  for (const lane of lanes) {
    await measureLane(lane);
  }
  for (let round = 1; round <= rounds; round++) {
    for (const lane of round % 2 === 0 ? lanes.toReversed() : lanes) {
      samples.get(lane)?.push(await measureLane(lane));
    }
    const line = lanes.map(lane => (samples.get(lane)?.at(-1)?.perSecond ?? 0).toFixed(0));
    tell(`round ${round} of ${rounds}: ${line.join(', ')} a second`);
  }
  return samples;
}

/** Waits until all operations have their verdict: they pause between two. @returns how long that took, milliseconds */
async function waitUntilDone(port: number): Promise<number> {
  const start = performance.now();
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/api/operations?limit=20`, {
      headers: { authorization: `Bearer ${adminToken}` },
    });
    const { operations } = (await response.json()) as { operations: readonly { finishedAt?: string }[] };
    if (operations.every(({ finishedAt }) => finishedAt !== undefined)) {
      return performance.now() - start;
    }
    await sleep(20);
  }
}

/** Prints the tables, then what is judged. */
async function report(
  lanes: readonly Lane[],
  samples: ReadonlyMap<Lane, readonly Sample[]>,
  { rounds, requests, connections }: Counts,
): Promise<boolean> {
  console.log(
    `\nGitHub’s example of a push, ${payloadBytes} bytes; ${rounds} rounds of ${requests} webhooks over ${connections} connections, no two alike.`,
  );
  console.log(
    `Ratio: of webhooks a second to adnanh ${await adnanhVersion()} in the same round. CPU: of the server and its children, per webhook.`,
  );
  const of = (lane: Lane | undefined, read: (sample: Sample) => number) =>
    ((lane && samples.get(lane)) ?? []).map(read);
  const ratiosOf = (lane: Lane, read: (sample: Sample) => number) => {
    const adnanh = lanes.find(({ kind, program }) => kind === lane.kind && program === 'adnanh');
    return summarize(pairRatios(of(lane, read), of(adnanh, read)));
  };
  const rate = (sample: Sample) => sample.perSecond;
  /** Webhooks a second of which all that they started has ended. */
  const rateWithTail = ({ perSecond, tailMs }: Sample) => requests / (requests / perSecond + tailMs / 1000);

  const tableOf = (kind: Kind) => {
    const rows = lanes
      .filter(lane => lane.kind === kind)
      .map(lane => [
        lane.name,
        ...cells(summarize(of(lane, rate)), value => value.toFixed(0)),
        ...cells(ratiosOf(lane, rate), ratio),
        `${summarize(of(lane, sample => sample.p99Ms)).median.toFixed(1)} ms`,
        `${(summarize(of(lane, sample => sample.processorMsPerWebhook)).median * 1000).toFixed(0)} µs`,
        `${summarize(of(lane, sample => sample.tailMs)).median.toFixed(0)} ms`,
      ]);
    const head = [kind, 'min /s', 'median', 'max', 'ratio min', 'median', 'max', 'p99', 'CPU', 'tail'];
    return formatTable(head, rows);
  };
  const verdictOf = (what: string, judged: readonly Lane[], read: (sample: Sample) => number) => {
    const lowest = Math.min(...judged.map(lane => ratiosOf(lane, read).median));
    const isMet = lowest >= TARGET;
    const line = describeTarget(`${what} ${ratio(lowest)}, target ≥ ${ratio(TARGET)}`, isMet);
    return { line, isMet };
  };
  const judgedAs = (kind: Kind, judged: Lane['judged']) =>
    lanes.filter(lane => lane.kind === kind && lane.judged === judged);

  console.log(`\n${tableOf('valid')}\n\n${tableOf('forged')}\n`);
  const answered = 'lowest median ratio, github-org and github:';
  const started = judgedAs('valid', 'started');
  const verdicts = [
    verdictOf(`valid, verified and answered: ${answered}`, judgedAs('valid', 'answered'), rate),
    verdictOf(`forged, as configured by default: ${answered}`, judgedAs('forged', 'answered'), rate),
    verdictOf('valid, and a service asks for it: median ratio until the last answer:', started, rate),
    verdictOf('the same until all that was started has ended:', started, rateWithTail),
  ];
  console.log(verdicts.map(({ line }) => line).join('\n'));
  return verdicts.every(({ isMet }) => isMet);
}
