import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { githubPush } from '../fixtures/github-payloads.ts';
import { signGithubWebhook } from '../fixtures/webhooks.ts';
import { networkName, serviceName } from './deployment.ts';
import { findSecrets } from './secret-forms.ts';
import { grantLabels, openStage, type Stage, tokenLabels } from './stage.ts';

const token = 'token-of-the-shop-0d4c';
const repository = { fullName: 'mona/shop', id: 501, ownerId: 77, isOrganizations: false };
const webhookPort = 3001;

describe('the stack as it is shipped', { timeout: 300_000 }, () => {
  let stage: Stage;
  before(async () => {
    stage = await openStage({ SWARM_UTILS_WEBHOOK_PORT: String(webhookPort) });
    const network = ['--network', networkName];
    await runner([
      'run',
      '--detach',
      '--name',
      'runner',
      ...network,
      stage.lab.images.runner,
      'sleep',
      '600',
    ]);
    await stage.services.create('shop', { labels: tokenLabels(token) });
    await stage.services.create('shop-on-push', {
      replicas: 0,
      labels: grantLabels('github', {
        repository: repository.fullName,
        ref: 'refs/heads/main',
        on: 'push',
      }),
    });
  });
  after(() => stage?.close());

  /** On another node than swarm-utils. */
  const runner = async (args: readonly string[]) => {
    const worker = stage.lab.nodes[1];
    assert.ok(worker);
    const { exitCode, stdout, stderr } = await worker.docker(args);
    assert.equal(exitCode, 0, stderr);
    return stdout;
  };
  /** What a job of a pipeline does: it calls from a container on the network. */
  const curl = async (path: string, ...args: readonly string[]) => {
    const options = ['--silent', '--show-error', '--max-time', '30', '--write-out', '\n%{http_code}'];
    const url = `http://swarm-utils:${path}`;
    const stdout = await runner(['exec', 'runner', 'curl', ...options, ...args, url]);
    const [status = '', ...body] = stdout.trimEnd().split('\n').reverse();
    return { status: Number(status), body: JSON.parse(body.reverse().join('\n')) };
  };
  const postJson = (body: object | string) => [
    ...['--header', 'content-type: application/json', '--data-binary'],
    typeof body === 'string' ? body : JSON.stringify(body),
  ];
  const inspect = async () => {
    const { lab, deployment } = stage;
    return lab.manager
      .engine()
      .getContainer(await deployment.containerId())
      .inspect();
  };
  const execute = async (...command: readonly string[]) =>
    stage.lab.manager.docker(['exec', await stage.deployment.containerId(), ...command]);

  test('it becomes healthy by its own health check', async () => {
    const until = Date.now() + 20_000;
    while ((await inspect()).State.Health?.Status !== 'healthy') {
      assert.ok(Date.now() < until, JSON.stringify((await inspect()).State.Health));
      await sleep(100);
    }
    const { stdout } = await stage.lab.manager.docker(['service', 'ps', serviceName]);
    assert.match(stdout, /Running/);
    // From then on its name resolves.
  });

  test('a runner on the attachable network deploys by calling it by its name', async () => {
    const { lab, services } = stage;
    const { status, body } = await curl(
      '3000/api/update/service',
      ...postJson({ token, serviceName: 'shop', image: lab.images.app['2'], isForce: false }),
    );
    assert.deepEqual([status, body.status], [200, 'succeeded']);
    const digest = await lab.registry.digest('app:2');
    assert.deepEqual(await services.runningImages('shop'), [`${lab.images.app['2']}@${digest}`]);
    const refused = await stage.withoutEffect(async () => {
      const answer = await curl(
        '3000/api/update/service',
        ...postJson({ token: 'wrong', serviceName: 'shop', image: lab.images.app['3'] }),
      );
      return { ...answer, headers: {}, text: '' };
    });
    assert.equal(refused.status, 401);
  });

  test('webhooks come in by their own port, and nothing else does', async () => {
    const { lab, services, deployment } = stage;
    const { body, headers } = signGithubWebhook({
      event: 'push',
      payload: githubPush({}, repository),
      secret: deployment.webhookSecret('github', repository.fullName),
    });
    const signed = [
      ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
      ...['--data-binary', body.toString()],
    ];
    await lab.registry.tag('app:1', 'moving:main');
    const moving = lab.registry.reference('moving:main');
    const { exitCode } = await lab.manager.docker(
      ['service', 'update', '--detach', '--quiet', '--image', moving, 'shop-on-push'].flat(),
    );
    assert.equal(exitCode, 0);
    const digest = await lab.registry.tag('app:3', 'moving:main');

    const atApi = await curl('3000/webhooks/github', ...signed);
    assert.deepEqual([atApi.status, atApi.body.error.code], [404, 'not_found']);
    for (const path of ['/api/operations', '/api/services', '/api/services/shop', '/metrics', '/']) {
      const { status, body: answer } = await curl(`${webhookPort}${path}`, '--oauth2-bearer', token);
      assert.deepEqual([status, answer.error.code], [404, 'not_found'], path);
    }
    const update = await curl(
      `${webhookPort}/api/update/service`,
      ...postJson({ token: deployment.secrets.adminToken, serviceName: 'shop' }),
    );
    assert.equal(update.status, 404);
    const taken = await curl(`${webhookPort}/webhooks/github`, ...signed);
    assert.equal(taken.status, 202);
    assert.equal((await stage.verdict(taken.body.operations[0].id)).status, 'succeeded');
    assert.equal(await services.image('shop-on-push'), `${moving}@${digest}`);
    assert.equal((await curl(`${webhookPort}/readyz`)).status, 200);
  });

  test('its secrets are Docker secrets, and no inspection shows one', async () => {
    const { lab, deployment } = stage;
    const engine = lab.manager.engine();
    const service = await engine.getService(serviceName).inspect();
    const mounted = service.Spec.TaskTemplate.ContainerSpec.Secrets.map(
      ({ SecretName }: { SecretName: string }) => SecretName,
    );
    assert.ok(mounted.includes('swarm-utils-admin-tokens'));
    assert.ok(mounted.includes('swarm-utils-webhook-master-key'));
    const secrets = await engine.listSecrets();
    const filters = JSON.stringify({ service: [serviceName] });
    const inspected = JSON.stringify([
      service,
      await inspect(),
      secrets,
      await engine.listTasks({ filters }),
    ]);
    assert.deepEqual(
      findSecrets(inspected, { ...deployment.secrets, registry: lab.privateRegistry.password }),
      [],
    );
  });

  test('its root is read-only, it has no capability, and only its data folder takes files', async () => {
    const { HostConfig, Config } = await inspect();
    assert.equal(HostConfig.ReadonlyRootfs, true);
    assert.deepEqual([HostConfig.Privileged, HostConfig.CapDrop], [false, ['ALL']]);
    const { stdout: status } = await execute('cat', '/proc/1/status');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      assert.match(status, new RegExp(`^${set}:\\s+0+$`, 'm'));
    }
    for (const folder of ['/', '/app', '/usr/local/bin']) {
      assert.notEqual((await execute('touch', `${folder}/x`)).exitCode, 0, folder);
    }
    for (const folder of ['/data', '/tmp']) {
      assert.equal((await execute('touch', `${folder}/x`)).exitCode, 0, folder);
    }
    // No package manager for who breaks in.
    assert.notEqual((await execute('npm', '--version')).exitCode, 0);
    assert.deepEqual(Config.Entrypoint, ['node', '/app/main.js']);
  });

  test('the command that derives a webhook secret runs in its container', async () => {
    const { exitCode, stdout } = await execute(
      ...['node', 'main.js', 'webhook-secret', 'github', 'Mona/Shop'],
    );
    assert.equal(exitCode, 0);
    assert.equal(stdout.trim(), stage.deployment.webhookSecret('github', repository.fullName));
  });

  test('when the daemon of its manager restarts it comes back by its name, with its history, and works on', async () => {
    const { lab, deployment, services } = stage;
    const update = (version: '1' | '2') =>
      curl(
        '3000/api/update/service',
        ...postJson({ token, serviceName: 'shop', image: lab.images.app[version], isForce: false }),
      );
    const historyOf = async () => {
      const answer = await curl('3000/api/operations?serviceName=shop', '--oauth2-bearer', token);
      return answer.body.operations.map(
        ({ id, status }: { id: string; status: string }) => `${id} ${status}`,
      );
    };
    const old = await deployment.containerId();
    assert.equal((await update('2')).status, 200);
    const history = await historyOf();
    assert.ok(history.length > 0);

    await lab.manager.restart();
    await untilReadyByName();
    assert.notEqual(await deployment.containerId(), old);
    assert.deepEqual(await historyOf(), history);
    const { status, body } = await update('1');
    assert.deepEqual([status, body.status], [200, 'succeeded'], JSON.stringify(body));
    const digest = await lab.registry.digest('app:1');
    assert.deepEqual(await services.runningImages('shop'), [`${lab.images.app['1']}@${digest}`]);
  });

  /** Asks from the other node, over the overlay network, until it answers that it is ready. */
  async function untilReadyByName(): Promise<void> {
    // Once a minute the workers of a swarm with one manager look for it again, and learn its names: that is Docker's own.
    const until = Date.now() + 150_000;
    const ask = [
      'exec',
      'runner',
      'curl',
      '--silent',
      '--fail',
      '--max-time',
      '5',
      'http://swarm-utils:3000/readyz',
    ];
    for (;;) {
      const { exitCode, stderr } = (await stage.lab.nodes[1]?.docker(ask)) ?? { exitCode: null, stderr: '' };
      if (exitCode === 0) {
        return;
      }
      assert.ok(Date.now() < until, `it is not ready by its name: ${exitCode} ${stderr}`);
      await sleep(200);
    }
  }
});
