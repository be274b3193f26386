import examples from '@octokit/webhooks-examples' with { type: 'json' };
import { webhookSecret } from '../../providers/webhook-secret.ts';
import type { Lab } from '../lab/lab.ts';
import { adnanhPath, adnanhVersion, startAdnanh } from './adnanh.ts';
import { type Bench, type Benchmark, type Counts, startBenchLab } from './bench.ts';
import { buildBundle, startSwarmUtils } from './bundle.ts';
import { runLoad } from './load.ts';
import { cells, describeTarget, formatTable, ratio } from './report.ts';
import { processorMs, type ServerProcess, waitUntilQuiet, waitUntilReady } from './server-process.ts';
import { pairRatios, quantile, summarize } from './statistics.ts';

const SECRET = 'the one secret of both programs';
const WRONG_SECRET = 'a secret of somebody else';
const MASTER_KEY = 'master key of the benchmark, long enough';
const TARGET = 1;
/** Services of other projects that ask for pushes too: the swarm has to be asked, and each is decided. */
const OTHER_SERVICES = 20;

type Kind = 'valid' | 'forged';

/** One way in which one program is asked. */
interface Lane {
  readonly name: string;
  readonly kind: Kind;
  readonly server: ServerProcess;
  readonly path: string;
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly secret: string;
  readonly statuses: readonly number[];
}

interface Sample {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly processorMsPerWebhook: number;
  /** How long the server was at work after the last answer. */
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
          SWARM_UTILS_GITHUB_ORG_NAME: pushOf(askedFor).owner,
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

const askedFor = 'Codertocat/Hello-World';
const notAskedFor = 'Codertocat/Other-World';

/** GitHub's own example of a push to a branch, as of that repository. */
function pushOf(fullName: string) {
  const pushes = (examples as unknown as readonly { name: string; examples: readonly Push[] }[]).find(
    ({ name }) => name === 'push',
  );
  const push = pushes?.examples.find(({ ref }) => ref === 'refs/heads/master');
  if (push === undefined) {
    throw new TypeError('The examples lack a push to refs/heads/master.');
  }
  const { owner } = push.repository;
  return {
    owner: owner.login,
    payload: { ...push, repository: { ...push.repository, full_name: fullName } },
  };
}

interface Push {
  readonly ref: string;
  readonly repository: { readonly full_name: string; readonly owner: { readonly login: string } };
}

/** None of them has tasks: what is measured is the way from a webhook to an accepted update. */
async function createServices(lab: Lab): Promise<void> {
  const image = `${lab.images.app[1]}@${await lab.registry.digest('app:1')}`;
  const engine = lab.manager.engine();
  const create = (name: string, repository: string, provider: string) =>
    engine.createService({
      Name: name,
      Labels: {
        'swarm-utils.update.enable': 'true',
        [`swarm-utils.update.${provider}.repository`]: repository,
        [`swarm-utils.update.${provider}.ref`]: 'refs/heads/master',
        [`swarm-utils.update.${provider}.on`]: 'push',
      },
      TaskTemplate: { ContainerSpec: { Image: image } },
      Mode: { Replicated: { Replicas: 0 } },
      EndpointSpec: { Mode: 'dnsrr' },
    });
  await create('asked-for', askedFor, 'github-org');
  for (let number = 1; number <= OTHER_SERVICES; number++) {
    await create(`other-${number}`, `Codertocat/project-${number}`, number % 2 ? 'github' : 'github-org');
  }
}

function makeLanes(adnanh: ServerProcess, ours: ServerProcess, unlimited: ServerProcess): readonly Lane[] {
  const asked = { event: 'push', payload: pushOf(askedFor).payload };
  const unasked = { event: 'push', payload: pushOf(notAskedFor).payload };
  const derived = webhookSecret(MASTER_KEY, 'github', notAskedFor);
  const org = '/webhooks/github-org';
  const valid = { kind: 'valid', server: ours, path: org, secret: SECRET, statuses: [200] } as const;
  const forged = {
    kind: 'forged',
    server: unlimited,
    path: org,
    secret: WRONG_SECRET,
    statuses: [401],
  } as const;
  return [
    { name: 'adnanh: runs /bin/true', ...valid, ...asked, server: adnanh, path: adnanhPath },
    { name: 'github-org: of an event that starts nothing', ...valid, ...unasked, event: 'status' },
    { name: 'github-org: push that no service asks for', ...valid, ...unasked },
    {
      name: 'github: push that no service asks for',
      ...valid,
      ...unasked,
      path: '/webhooks/github',
      secret: derived,
    },
    { name: 'github-org: push that a service asks for', ...valid, ...asked, statuses: [202] },
    {
      name: 'adnanh: each 500',
      ...forged,
      ...asked,
      server: adnanh,
      path: adnanhPath,
      statuses: [500],
    },
    {
      name: 'github-org: default limit, 429 after 60',
      ...forged,
      ...asked,
      server: ours,
      statuses: [401, 429],
    },
    { name: 'github-org: no limit, each 401 and logged', ...forged, ...asked },
    { name: 'github: no limit, each 401 and logged', ...forged, ...asked, path: '/webhooks/github' },
  ];
}

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
    const tailMs = await waitUntilQuiet(server);
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

async function report(
  lanes: readonly Lane[],
  samples: ReadonlyMap<Lane, readonly Sample[]>,
  { rounds, requests, connections }: Counts,
): Promise<boolean> {
  const size = Buffer.byteLength(JSON.stringify(pushOf(askedFor).payload));
  console.log(
    `\nGitHub’s example of a push, ${size} bytes; ${rounds} rounds of ${requests} webhooks over ${connections} connections, no two alike.`,
  );
  console.log(
    `Ratio: of webhooks a second to adnanh ${await adnanhVersion()} in the same round. CPU: of the server and its children, per webhook.`,
  );
  const verdicts = (['valid', 'forged'] as const).map(kind => reportKind(kind, lanes, samples));
  console.log(`\n${verdicts.map(({ line }) => line).join('\n')}`);
  return verdicts.every(({ isMet }) => isMet);
}

function reportKind(kind: Kind, lanes: readonly Lane[], samples: ReadonlyMap<Lane, readonly Sample[]>) {
  const those = lanes.filter(lane => lane.kind === kind);
  const [adnanh, ...ours] = those;
  const of = (lane: Lane | undefined, read: (sample: Sample) => number) =>
    ((lane && samples.get(lane)) ?? []).map(read);
  const rate = (sample: Sample) => sample.perSecond;
  const ratiosOf = (lane: Lane) => summarize(pairRatios(of(lane, rate), of(adnanh, rate)));
  const rows = those.map(lane => [
    lane.name,
    ...cells(summarize(of(lane, rate)), value => value.toFixed(0)),
    ...cells(ratiosOf(lane), ratio),
    `${summarize(of(lane, sample => sample.p99Ms)).median.toFixed(1)} ms`,
    `${(summarize(of(lane, sample => sample.processorMsPerWebhook)).median * 1000).toFixed(0)} µs`,
    `${summarize(of(lane, sample => sample.tailMs)).median.toFixed(0)} ms`,
  ]);
  const head = [kind, 'min /s', 'median', 'max', 'ratio min', 'median', 'max', 'p99', 'CPU', 'tail'];
  console.log(`\n${formatTable(head, rows)}`);
  const medians = ours.map(lane => ratiosOf(lane).median);
  const isMet = medians.every(median => median >= TARGET);
  const lowest = `lowest median ratio of ${kind} webhooks ${ratio(Math.min(...medians))}, target ≥ ${ratio(TARGET)}`;
  return { line: describeTarget(lowest, isMet), isMet };
}
