import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';
import type { LabNode } from '../lab/lab-node.ts';
import { type Bench, type Benchmark, startBenchLab } from './bench.ts';
import { adminToken, type Bundle, buildBundle, buildBundleOf, startSwarmUtils } from './bundle.ts';
import { connectEngine, runEverywhere } from './engine-api.ts';
import { cells, describeTarget, formatTable, ratio, seconds } from './report.ts';
import { waitUntilReady } from './server-process.ts';
import { pairRatios, summarize } from './statistics.ts';

const NODES = 10;
const TARGET = 1.5;
const container = 'left-over';

/** Somebody who cleans all nodes and knows when it is done. */
interface Contender {
  readonly name: string;
  /** Gets ready, and answers the way to clean and the way to end. */
  begin(): Promise<{ clean(): Promise<void>; end(): Promise<void> }>;
}

/** Time to clean all nodes of a lab by one call, against a bare global service that does the same by the Docker CLI. */
export const cleanBenchmark: Benchmark = {
  summary: `time to clean ${NODES} nodes by one call, against a bare global service with the CLI's commands for it`,
  defaults: { rounds: 5 },
  canCompare: true,
  async run(bench, { rounds }) {
    const { against } = bench;
    const bundle = await buildBundle(bench);
    const other = against === undefined ? undefined : await buildBundleOf(against, bench);
    const lab = await startBenchLab(bench, NODES);
    await inAll(lab, node => docker(node, 'pull', '--quiet', lab.images.dockerCli));
    const contenders = [
      swarmUtils('swarm-utils, one call', bundle, bench, lab),
      ...globalServices(lab),
      ...(other === undefined ? [] : [swarmUtils(`swarm-utils at ${against}`, other, bench, lab)]),
    ];
    return report(await measure(bench, lab, contenders, rounds), contenders, rounds);
  },
};

/** It runs while its turn lasts only: a second one would take the helpers of the first for leftovers. */
function swarmUtils(name: string, bundle: Bundle, bench: Bench, { manager, images }: Lab): Contender {
  const env = { SWARM_UTILS_DOCKER_CLI_IMAGE_NAME: images.dockerCli };
  return {
    name,
    async begin() {
      const server = await startSwarmUtils(bench, bundle, { name, socketPath: manager.socketPath, env });
      await waitUntilReady(server, '/readyz');
      return { clean: () => requestClean(server.port), end: server.stop };
    },
  };
}

function globalServices(lab: Lab): readonly Contender[] {
  const engine = connectEngine(lab.manager.socketPath);
  const script = commandsFor(lab).map(command => command.map(quote).join(' '));
  const command = ['sh', '-c', script.join(' && ')];
  const floor = { name: 'bench-floor', image: lab.images.dockerCli, command, tasks: NODES };
  const contender = (name: string, spec: Parameters<typeof runEverywhere>[1]): Contender => ({
    name,
    begin: async () => ({ clean: () => runEverywhere(engine, spec), end: async () => undefined }),
  });
  return [
    contender('one global service, all commands', floor),
    contender('the same on the network of the nodes', { ...floor, isOnHostNetwork: true }),
  ];
}

/** What cleans a node that has just this to remove, for somebody who knows what that is: lists, removals, sizes. */
function commandsFor({ images }: Lab): readonly (readonly string[])[] {
  const json = ['--format', '{{json .}}'];
  const stopped = ['--filter', 'status=exited', '--filter', 'status=dead'];
  const measure = ['docker', 'system', 'df', ...json];
  return [
    ['docker', 'container', 'ls', '--all', '--no-trunc', '--size', ...stopped, ...json],
    ['docker', 'image', 'ls', '--no-trunc', '--digests', ...json],
    ['docker', 'container', 'ls', '--all', '--no-trunc', ...json],
    ['docker', 'container', 'rm', '--', container],
    measure,
    ['docker', 'image', 'rm', '--', images.app.slow],
    measure,
    ['env', 'DOCKER_BUILDKIT=0', 'docker', 'builder', 'prune', '--force'],
  ];
}

/** None of them has a quote in it. */
function quote(argument: string): string {
  return `'${argument}'`;
}

async function requestClean(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/api/clean/nodes`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: '{}',
  });
  const answer = await response.text();
  const { operations = [] } = JSON.parse(answer) as {
    operations?: readonly { steps: readonly { removal?: { removedCount: number } }[] }[];
  };
  const areClean = operations.every(
    ({ steps: [containers, images] }) =>
      containers?.removal?.removedCount === 1 && images?.removal?.removedCount === 1,
  );
  if (response.status !== 200 || operations.length !== NODES || !areClean) {
    throw new Error(`swarm-utils answered ${response.status}: ${answer}`);
  }
}

/** Every node has one stopped container and one unused image. */
async function litter({ images }: Lab, node: LabNode): Promise<void> {
  await docker(node, 'pull', '--quiet', images.app.slow);
  await docker(node, 'run', '--name', container, images.dockerCli, 'sh', '-c', 'true');
}

async function assertClean({ images }: Lab, node: LabNode): Promise<void> {
  const named = ['--filter', `name=^${container}$`];
  const left = await Promise.all([
    docker(node, 'ps', '--all', '--quiet', ...named),
    docker(node, 'images', '--quiet', images.app.slow),
  ]);
  if (left.join('') !== '') {
    throw new Error(`${node.name} is not clean: ${left.join(' ')}`);
  }
}

async function measure(
  { tell }: Bench,
  lab: Lab,
  contenders: readonly Contender[],
  rounds: number,
): Promise<ReadonlyMap<Contender, readonly number[]>> {
  const times = new Map(contenders.map(contender => [contender, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    // Who begins changes, so that nobody always comes after the same one.
    const shift = round % contenders.length;
    for (const contender of [...contenders.slice(shift), ...contenders.slice(0, shift)]) {
      await inAll(lab, node => litter(lab, node));
      const turn = await contender.begin();
      await sleep(500);
      const start = performance.now();
      await turn.clean();
      times.get(contender)?.push(performance.now() - start);
      await turn.end();
      await sleep(1000);
      await inAll(lab, node => assertClean(lab, node));
    }
    const line = contenders.map(({ name }, index) => {
      const own = contenders[index];
      return `${name} ${seconds((own && times.get(own)?.at(-1)) ?? 0)}`;
    });
    tell(`round ${round + 1} of ${rounds}: ${line.join(', ')}`);
  }
  return times;
}

function report(
  times: ReadonlyMap<Contender, readonly number[]>,
  contenders: readonly Contender[],
  rounds: number,
): boolean {
  const [ours, floor, , other] = contenders;
  const timesOf = (contender: Contender | undefined) => (contender && times.get(contender)) ?? [];
  const ratios = (contender: Contender | undefined) =>
    summarize(pairRatios(timesOf(contender), timesOf(floor)));
  const rows = contenders.map(contender => [
    contender.name,
    ...cells(summarize(timesOf(contender)), seconds),
    ...cells(ratios(contender), ratio),
  ]);
  console.log(
    `\nUntil all ${NODES} nodes are clean, ${rounds} rounds in turn; a stopped container and an unused image on each.`,
  );
  console.log('Ratio: to one global service in the same round.\n');
  console.log(formatTable(['', 'min', 'median', 'max', 'ratio min', 'median', 'max'], rows));
  const { median } = ratios(ours);
  const isMet = median <= TARGET;
  console.log(
    `\n${describeTarget(`median ratio of swarm-utils ${ratio(median)}, target ≤ ${ratio(TARGET)}`, isMet)}`,
  );
  if (other !== undefined) {
    const toOther = summarize(pairRatios(timesOf(ours), timesOf(other)));
    console.log(`median ratio of swarm-utils to ${other.name}: ${ratio(toOther.median)}`);
  }
  return isMet;
}

async function inAll(lab: Lab, work: (node: LabNode) => Promise<unknown>): Promise<void> {
  await Promise.all(lab.nodes.map(work));
}

async function docker(node: LabNode, ...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await node.docker(args);
  if (exitCode !== 0) {
    throw new Error(`docker ${args.join(' ')} on ${node.name} ended with ${exitCode}: ${stderr}`);
  }
  return stdout;
}
