import assert from 'node:assert/strict';
import type { Stage } from './scenes.ts';

/** How much a stopped container left behind. */
const LEFT_BYTES = 5_000_000;

export async function serviceIsCleaned({
  narrator,
  deployment,
  lab,
  services,
  apiToken,
}: Stage): Promise<void> {
  narrator.scene(
    'A service is cleaned',
    "The label swarm-utils.clean.exec of the service `cache` says how. It runs in the service's own containers, each on its own " +
      'node, and the answer has what each of them printed.',
  );
  await services.create('cache', {
    image: lab.images.app['3'],
    replicas: 3,
    labels: {
      'swarm-utils.clean.enable': 'true',
      'swarm-utils.clean.exec': 'rm -rf /tmp/* && echo "emptied on $(hostname)"',
      'swarm-utils.clean.token': apiToken,
    },
  });
  const body = { serviceName: 'cache' };
  narrator.sent(
    'POST /api/clean/service',
    'Authorization: Bearer <plain token of cache>',
    JSON.stringify(body),
  );
  const answer = await deployment.api.post('/api/clean/service', body, apiToken);
  narrator.answered(answer, { status: 200, verdict: 'succeeded' });
  const lines: string[] = answer.body.steps[0].helper.tasks.flatMap(({ logs }: { logs: string[] }) => logs);
  narrator.observed(`it printed: ${lines.join(', ')}`, lines.length === 3);
}

export async function nodeIsCleaned({ narrator, lab, deployment }: Stage): Promise<void> {
  narrator.scene(
    'A node is cleaned, and a rollback still works',
    'worker-1 has an image that nobody needs and a stopped container. It also has app:1, which no container uses any more, ' +
      'but a rollback of three services would. Asked what would go, then told to do it.',
  );
  const worker = lab.nodes.find(({ name }) => name === 'worker-1') ?? assert.fail();
  const docker = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await worker.docker(args);
    assert.equal(exitCode, 0, stderr);
    return stdout;
  };
  const previous = `${lab.registry.reference('app')}@${await lab.registry.digest('app:1')}`;
  await docker('pull', '--quiet', previous);
  await docker('pull', '--quiet', lab.images.app.unhealthy);
  const waste = `head -c ${LEFT_BYTES} /dev/urandom > /waste`;
  await docker('run', '--name', 'left-over', lab.images.runner, 'sh', '-c', waste);
  const clean = (fields: object) => {
    const body = { nodeName: 'worker-1', ...fields };
    narrator.sent('POST /api/clean/node', 'Authorization: Bearer <admin token>', JSON.stringify(body));
    return deployment.api.post('/api/clean/node', body, deployment.secrets.adminToken);
  };
  narrator.answered(await clean({ dryRun: true }), { status: 200, verdict: 'succeeded' });
  narrator.observed('the container is still there', (await docker('ps', '--all')).includes('left-over'));
  narrator.answered(await clean({}), { status: 200, verdict: 'succeeded' });
  const images = await docker('image', 'ls', '--digests', '--format', '{{.Tag}} {{.Digest}}');
  narrator.observed('the container has gone', !(await docker('ps', '--all')).includes('left-over'));
  narrator.observed('the image that nobody needs has gone', !images.includes('unhealthy'));
  narrator.observed(
    'the image of the rollback is there',
    images.includes(previous.slice(previous.indexOf('@') + 1)),
  );
}
