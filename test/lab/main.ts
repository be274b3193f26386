import { parseArgs } from 'node:util';
import { type Flavour, parseFlavour } from './flavours.ts';
import { connectLab, type Lab, type StartOptions, startLab, stopLab } from './lab.ts';
import { describeEngine } from './lab-engine.ts';
import { LabError } from './lab-error.ts';

const usage = `A real Docker swarm on this machine, for tests, the demo and trying things out.

  npm run lab -- up [--engine 28] [--store containerd] [--nodes 3] [--managers 1] [--instance 0]
  npm run lab -- status [--instance 0]
  npm run lab -- image [--instance 0]
  npm run lab -- reset [--instance 0]
  npm run lab -- down [--instance 0]

  up      starts the nodes and registries, or mends a lab that is there; installs missing Debian packages
  status  what there is and whether it runs
  image   builds the image of this repository and pushes it to the lab's registry, with or without Docker Hub
  reset   removes every service, config, secret, network, container and volume of the swarm
  down    takes everything down; nothing is left but caches

  --engine E     20, 26 or 28 (what Debian's coming release has): what the nodes run
  --store S      graph or containerd (not with 20): where their Engine keeps its images
  --nodes N      number of Docker hosts, managers included (1-50)
  --managers N   how many of them are managers
  --instance N   labs of different instances (0-9) run side by side

Needs root on Linux.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArguments();
  const [command, ...rest] = positionals;
  if (values.help || command === 'help') {
    console.log(usage);
    return;
  }
  if (rest.length > 0) {
    throw new LabError('bad-argument', `Too much: ${rest.join(' ')}`);
  }
  const instance = Number(values.instance);
  switch (command) {
    case 'up':
      return up({
        instance,
        nodes: Number(values.nodes),
        managers: Number(values.managers),
        flavour: wantedFlavour(values.engine, values.store),
      });
    case 'down':
      await stopLab(instance, progress());
      console.log(`Lab ${instance} is down.`);
      return;
    case 'status':
      return describe(await connectLab(instance));
    case 'image':
      console.log(await (await connectLab(instance)).buildProjectImage({ onProgress: progress() }));
      return;
    case 'reset':
      await (await connectLab(instance)).reset();
      console.log(`Lab ${instance} is as after its start.`);
      return;
    default:
      throw new LabError('bad-argument', `${command ?? 'No command'}: see npm run lab -- --help`);
  }
}

function parseArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        engine: { type: 'string' },
        store: { type: 'string' },
        nodes: { type: 'string', default: '3' },
        managers: { type: 'string', default: '1' },
        instance: { type: 'string', default: '0' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new LabError('bad-argument', error instanceof Error ? error.message : String(error));
  }
}

function wantedFlavour(engine: string | undefined, store: string | undefined): Flavour | undefined {
  return engine === undefined && store === undefined ? undefined : parseFlavour(engine, store);
}

async function up(options: StartOptions): Promise<void> {
  const onProgress = progress();
  const lab = await startLab({ ...options, onProgress });
  onProgress('up');
  await describe(lab);
}

async function describe(lab: Lab): Promise<void> {
  const running = (is: boolean) => (is ? 'running' : 'NOT RUNNING');
  console.log(describeEngine(lab.engine));
  for (const node of lab.nodes) {
    console.log(
      `${node.name.padEnd(12)} ${node.address.padEnd(12)} ${running(await node.isRunning()).padEnd(12)} ${node.socketPath}`,
    );
  }
  for (const [name, registry] of [
    ['registry', lab.registry],
    ['private', lab.privateRegistry],
  ] as const) {
    console.log(`${name.padEnd(12)} ${registry.address.padEnd(25)} ${running(await registry.isRunning())}`);
  }
  const { username, password } = lab.privateRegistry;
  console.log(`
private registry: user ${username}, password ${password}
images: ${lab.images.app['1']} (2, 3, crash, unhealthy, slow), ${lab.images.dockerCli}, ${lab.images.runner}, ${lab.images.postgres},
        ${lab.images.restic}, ${lab.images.rclone}, ${lab.images.offen}${lab.images.isOffenDouble ? ' (a contract double)' : ''}
try:    docker -H unix://${lab.manager.socketPath} node ls`);
}

/** Prints what happens, with the seconds since the start. */
function progress(): (message: string) => void {
  const start = performance.now();
  return message =>
    console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(5)} s  ${message}`);
}

main().catch((error: unknown) => {
  // What the lab says is for people to read; anything else is a fault of the lab and needs its stack.
  console.error(error instanceof LabError ? error.message : error);
  process.exitCode = 1;
});
