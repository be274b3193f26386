import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Deployment, type DeploymentSecrets, deploy, networkName } from '../e2e/deployment.ts';
import { createServices } from '../e2e/services.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { LabError } from '../lab/lab-error.ts';
import { createNarrator, type Narrator } from './narrator.ts';
import { play, type Stage, setUp } from './scenes.ts';

const usage = `The main job of swarm-utils, on a real three-node swarm that it sets up on this machine and takes down again.

  npm run demo [-- --keep]

  --keep   leaves swarm and swarm-utils running, and prints how to call it

Needs root on Linux. Installs missing Debian packages and says so.`;

/** A lab of its own: that of `npm run lab` may have somebody's work in it. */
const instance = 6;

async function main(): Promise<number> {
  const values = readArguments();
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const narrator = createNarrator(Date.now());
  const lab = await startLab({ instance, nodes: 3, managers: 1, onProgress: narrator.progress });
  const stopOnSignal = () => void lab.stop().then(() => process.exit(130));
  process.once('SIGINT', stopOnSignal).once('SIGTERM', stopOnSignal);
  try {
    const isRight = await perform(lab, narrator, values.keep);
    if (values.keep) {
      return isRight ? 0 : 1;
    }
    narrator.progress('taking the swarm down');
    await lab.stop();
    narrator.progress('nothing is left but caches');
    return isRight ? 0 : 1;
  } catch (error) {
    await lab.stop();
    throw error;
  }
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new LabError('bad-argument', `${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
}

async function perform(lab: Lab, narrator: Narrator, isKept: boolean): Promise<boolean> {
  await lab.reset();
  const deployment = await deploy(lab, {}, { secrets: randomSecrets(), onProgress: narrator.progress });
  try {
    narrator.progress('swarm-utils is ready');
    const apiToken = randomText();
    const stage: Stage = { lab, deployment, services: createServices(lab), narrator, apiToken };
    await setUp(stage);
    await play(stage);
    const isRight = narrator.summary();
    if (isKept) {
      explainKept(lab, deployment, apiToken);
    }
    return isRight;
  } catch (error) {
    console.error(`\nThe log of swarm-utils:\n${await deployment.logs()}`);
    throw error;
  } finally {
    await deployment.close();
  }
}

function explainKept(lab: Lab, { secrets }: Deployment, apiToken: string): void {
  const url = `http://${lab.manager.address}:3000`;
  console.log(`
The swarm and swarm-utils go on running.

  curl ${url}/api/services -H 'Authorization: Bearer ${secrets.adminToken}'
  curl ${url}/api/update/service -H 'Content-Type: application/json' \\
    -d '{"serviceName": "api", "image": "${lab.images.app['3']}", "token": "${apiToken}"}'
  docker -H unix://${lab.manager.socketPath} service ls

In the swarm, on the network ${networkName}, it is http://swarm-utils:3000. (The demo's OIDC issuers have ended with it.)
Take it all down: npm run lab -- down --instance ${instance}`);
}

function randomSecrets(): DeploymentSecrets {
  return {
    adminToken: randomText(),
    webhookMasterKey: randomText(),
    organizationWebhookSecret: randomText(),
    gitlabSigningToken: `whsec_${randomBytes(32).toString('base64')}`,
    gitlabApiToken: randomText(),
  };
}

function randomText(): string {
  return randomBytes(24).toString('hex');
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof LabError)) {
    throw error;
  }
  console.error(error.message);
  process.exitCode = 1;
}
