import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import packageJson from '../package.json' with { type: 'json' };
import { webhookSecretCommand } from '../src/webhook-secret-command.ts';

const main = join(import.meta.dirname, '..', 'src', 'main.ts');
const MASTER_KEY = 'canary-master-key-0123456789-0123456789';
const ADMIN_TOKEN = 'canary-admin-token';
const SERVICE_ID = 'b7y4ndqs1u7b0a5vmspx4k6nt';

/** A running program. */
interface Program {
  readonly logged: () => readonly Record<string, unknown>[];
  /** Resolves with the first line of this event, also when it is there already. */
  logs(event: string): Promise<Record<string, unknown>>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

const running = new Set<{ kill(signal: NodeJS.Signals): void }>();

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
  // Nothing of this machine's environment but what measures coverage.
  const coverage = process.env.NODE_V8_COVERAGE;
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...(coverage !== undefined && { NODE_V8_COVERAGE: coverage }), ...env },
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child);
    return { code: code as number | null, stdout, stderr };
  });
  const logged = () =>
    stdout
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as Record<string, unknown>);
  return {
    logged,
    async logs(event) {
      for (;;) {
        const line = logged().find(candidate => candidate.event === event);
        if (line !== undefined) {
          return line;
        }
        if (child.exitCode !== null) {
          throw new Error(`ended without ${event}: ${stdout}${stderr}`);
        }
        await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
      }
    },
    kill: signal => void child.kill(signal),
    ended,
  };
}

afterEach(() => {
  for (const child of running) {
    child.kill('SIGKILL');
  }
});

describe('the command line', () => {
  it('says how it is used, and which version it is', async () => {
    const help = await run(['--help']).ended;
    assert.equal(help.code, 0);
    assert.match(help.stdout, /webhook-secret <provider> <repository>/);
    assert.deepEqual(await run(['--version']).ended, {
      code: 0,
      stdout: `${packageJson.version}\n`,
      stderr: '',
    });
  });

  it('refuses a command that it does not know', async () => {
    const { code, stdout, stderr } = await run(['serv']).ended;
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /Unknown command "serv"/);
  });

  it('names every fault of the environment in one message', async () => {
    const { code, stdout, stderr } = await run([], {
      SWARM_UTILS_SERVER_PORT: 'http',
      SWARM_UTILS_WEBHOOK_MASTER_KEY: 'canary-short',
      SWARM_UTILS_TIMEOUT: '1',
    }).ended;
    assert.deepEqual([code, stdout], [1, '']);
    assert.equal(stderr.trim().split('\n').length, 4);
    assert.match(stderr, /^The environment has 3 faults:\n/);
    assert(!stderr.includes('canary'));
  });
});

describe('webhook-secret', () => {
  const env = { SWARM_UTILS_WEBHOOK_MASTER_KEY: MASTER_KEY };
  const secretOf = (text: string) => createHmac('sha256', MASTER_KEY).update(text).digest('base64url');

  it('prints the secret of a repository, in whatever case it is written', async () => {
    const github = await run(['webhook-secret', 'github', 'Acme/Shop'], env).ended;
    assert.deepEqual(github, {
      code: 0,
      stdout: `${secretOf('swarm-utils/webhook/v1/github/acme/shop')}\n`,
      stderr: '',
    });
    const gitlab = await run(['webhook-secret', 'gitlab', 'acme/web/shop'], env).ended;
    assert.equal(gitlab.stdout, `${secretOf('swarm-utils/webhook/v1/gitlab/acme/web/shop')}\n`);
  });

  it('says on standard error what it can not do, and ends with 1', async () => {
    const { code, stdout, stderr } = await run(['webhook-secret', 'github', 'acme/shop']).ended;
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /SWARM_UTILS_WEBHOOK_MASTER_KEY/);
  });

  for (const [what, words, masterKey, expected] of [
    ['a missing master key', ['github', 'acme/shop'], undefined, /SWARM_UTILS_WEBHOOK_MASTER_KEY/],
    ['the organisation', ['github-org', 'acme'], MASTER_KEY, /SWARM_UTILS_GITHUB_ORG_WEBHOOK_SECRET/],
    ['a platform that there is not', ['bitbucket', 'acme/shop'], MASTER_KEY, /usage: webhook-secret/],
    ['a missing repository', ['github'], MASTER_KEY, /usage: webhook-secret/],
    ['a word too many', ['github', 'acme/shop', 'x'], MASTER_KEY, /usage: webhook-secret/],
    ['what is no repository', ['github', 'acme'], MASTER_KEY, /"acme" is not a path on github/],
  ] as const) {
    it(`refuses ${what}`, () => {
      const result = webhookSecretCommand(words, masterKey);
      assert('refusal' in result);
      assert.match(result.refusal, expected);
    });
  }
});

describe('the program', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'swarm-utils-main-'));
  /** Answers of the registry wait for it. */
  let release = Promise.withResolvers<void>();
  let engine: Server;
  let engineHost: string;
  let apiVersion = '1.51';

  before(async () => {
    engine = createServer(async (request, response) => {
      const path = new URL(request.url ?? '', 'http://engine').pathname.replace(/^\/v1\.\d+/, '');
      response.setHeader('Api-Version', apiVersion);
      if (path.startsWith('/distribution/')) {
        await release.promise;
        response.writeHead(404).end('{"message":"manifest unknown"}');
      } else if (path === '/services') {
        response.end(JSON.stringify([service]));
      } else if (path === `/services/${SERVICE_ID}`) {
        response.end(JSON.stringify(service));
      } else {
        response.end('[]');
      }
    });
    engine.listen(0, '127.0.0.1');
    await once(engine, 'listening');
    engineHost = `tcp://127.0.0.1:${(engine.address() as AddressInfo).port}`;
  });
  after(() => {
    engine.close();
    engine.closeAllConnections();
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function startProgram(extra: Readonly<Record<string, string>> = {}) {
    const port = await freePort();
    const tokenFile = join(dataDir, 'admin-tokens');
    writeFileSync(tokenFile, `${ADMIN_TOKEN}\n`);
    const program = run([], {
      SWARM_UTILS_SERVER_PORT: String(port),
      SWARM_UTILS_DOCKER_HOST: engineHost,
      SWARM_UTILS_DATA_DIR: join(dataDir, String(port)),
      SWARM_UTILS_ADMIN_TOKEN_LIST_FILE: tokenFile,
      ...extra,
    });
    const started = await program.logs('started');
    const url = `http://127.0.0.1:${port}`;
    const update = () =>
      fetch(`${url}/api/update/service`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${ADMIN_TOKEN}` },
        body: JSON.stringify({ serviceName: 'shop_web', image: 'registry.example.com/shop/web:2' }),
      });
    return { program, started, url, port, update, dataFolder: join(dataDir, String(port)) };
  }

  it('says what is on, serves, and ends with 0 on SIGTERM', async () => {
    const { program, started, url, port } = await startProgram({
      SWARM_UTILS_WEBHOOK_MASTER_KEY: MASTER_KEY,
      SWARM_UTILS_OIDC_AUDIENCE: 'https://deploy.example.com',
      SWARM_UTILS_GITHUB_API_URL: 'https://github.example.com/api/v3',
    });
    const { level: _level, time: _time, msg: _msg, ...facts } = started;
    assert.deepEqual(facts, {
      event: 'started',
      version: packageJson.version,
      node: process.versions.node,
      port,
      webhooks: ['github', 'gitlab'],
      oidc: true,
      admins: 1,
    });
    assert.deepEqual((await program.logs('config.without_effect')).variables, ['SWARM_UTILS_GITHUB_API_URL']);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
    program.kill('SIGTERM');
    const { code, stdout, stderr } = await program.ended;
    assert.deepEqual([code, stderr], [0, '']);
    const events = program.logged().map(line => line.event);
    assert.deepEqual(events.slice(-2), ['stop.begin', 'stop.end']);
    assert(!stdout.includes('canary'));
  });

  it('serves webhooks on a port of their own', async () => {
    const webhookPort = await freePort();
    const { url } = await startProgram({
      SWARM_UTILS_WEBHOOK_MASTER_KEY: MASTER_KEY,
      SWARM_UTILS_WEBHOOK_PORT: String(webhookPort),
    });
    const post = (base: string) => fetch(`${base}/webhooks/github`, { method: 'POST', body: '{}' });
    assert.equal((await post(url)).status, 404);
    assert.notEqual((await post(`http://127.0.0.1:${webhookPort}`)).status, 404);
    assert.equal((await fetch(`http://127.0.0.1:${webhookPort}/api/services`)).status, 404);
  });

  it('waits for what runs before it ends, and begins nothing new', async () => {
    release = Promise.withResolvers();
    const { program, url, update } = await startProgram();
    const answer = update();
    await untilRunning(url);
    program.kill('SIGTERM');
    const awaited = await program.logs('stop.awaits');
    assert.deepEqual([awaited.action, awaited.target], ['update', 'shop_web']);
    assert.equal((await fetch(`${url}/readyz`)).status, 503);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    assert.equal((await update()).status, 503);
    release.resolve();
    assert.equal((await answer).status, 424);
    assert.equal((await program.ended).code, 0);
    const finished = await program.logs('operation.finished');
    assert.deepEqual(
      [finished.id, finished.target, finished.caller, finished.status, finished.code],
      [awaited.id, 'shop_web', { kind: 'admin' }, 'failed', 'image_not_found'],
    );
    assert.equal(typeof finished.durationMs, 'number');
  });

  it('ends at once with 1 on a second signal', async () => {
    release = Promise.withResolvers();
    const { program, url, update } = await startProgram();
    const answer = update().catch(() => 'cut');
    await untilRunning(url);
    program.kill('SIGINT');
    await program.logs('stop.awaits');
    program.kill('SIGTERM');
    assert.equal((await program.ended).code, 1);
    await program.logs('stop.forced');
    assert.equal(await answer, 'cut');
    release.resolve();
  });

  it('is well by the health check of its image until it ends, also when nobody else gets a connection', async () => {
    release = Promise.withResolvers();
    const { program, url, port, update, dataFolder } = await startProgram();
    assert.equal(await healthCheck(dataFolder), 0);
    const sockets = Array.from({ length: 600 }, () => connect(port, '127.0.0.1').on('error', () => {}));
    await sleep(200);
    assert.equal(await healthCheck(dataFolder), 0);
    for (const socket of sockets) {
      socket.destroy();
    }
    const answer = update();
    await untilRunning(url);
    program.kill('SIGTERM');
    await program.logs('stop.awaits');
    assert.equal(await healthCheck(dataFolder), 0);
    release.resolve();
    await answer;
    assert.equal((await program.ended).code, 0);
    assert.equal(await healthCheck(dataFolder), 1);
    assert.equal(existsSync(join(dataFolder, 'health.sock')), false);
  });

  it('is well again after it was killed and left its socket', async () => {
    const { program, dataFolder } = await startProgram();
    program.kill('SIGKILL');
    await program.ended;
    assert.equal(existsSync(join(dataFolder, 'health.sock')), true);
    assert.equal(await healthCheck(dataFolder), 1);
    await startProgram({ SWARM_UTILS_DATA_DIR: dataFolder });
    assert.equal(await healthCheck(dataFolder), 0);
  });

  it('says why it can not start', async () => {
    const { port } = await startProgram();
    const second = run([], {
      SWARM_UTILS_SERVER_PORT: String(port),
      SWARM_UTILS_DOCKER_HOST: engineHost,
      SWARM_UTILS_DATA_DIR: join(dataDir, 'second'),
    });
    assert.equal((await second.ended).code, 1);
    assert.equal(((await second.logs('start.failed')).err as { code: string }).code, 'EADDRINUSE');
  });

  it('names a label that is misspelt', async () => {
    const { program } = await startProgram();
    const { service: name, label, value } = await program.logs('label.fault');
    assert.deepEqual([name, label, value], ['shop_web', 'swarm-utils.clean.enabel', 'true']);
  });

  it('starts without an Engine, says so, and is not ready', async () => {
    const { program, url } = await startProgram({ SWARM_UTILS_DOCKER_HOST: 'unix:///nowhere.sock' });
    assert.equal((await program.logs('swarm.unavailable')).level, 'warn');
    assert.equal((await fetch(`${url}/readyz`)).status, 503);
  });

  it('starts with an Engine that is too old, says what to do, and is ready once it is upgraded', async () => {
    apiVersion = '1.40';
    const { program, url } = await startProgram();
    const { level, msg } = await program.logs('engine.too_old');
    assert.equal(level, 'error');
    assert.match(String(msg), /upgraded to Docker 20\.10/);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    const notReady = await fetch(`${url}/readyz`);
    const { error } = (await notReady.json()) as { error: { code: string; message: string } };
    assert.deepEqual([notReady.status, error.code], [503, 'engine_too_old']);
    assert.match(error.message, /Upgrade the Engine/);
    apiVersion = '1.51';
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
    assert.equal((await program.logs('engine.seen')).apiVersion, '1.51');
  });
});

/** What the image's HEALTHCHECK ends with. */
async function healthCheck(dataFolder: string): Promise<number | null> {
  const dockerfile = readFileSync(join(import.meta.dirname, '..', 'Dockerfile'), 'utf8');
  const [, ...args]: string[] = JSON.parse(/^HEALTHCHECK[^[]*(\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]');
  const child = spawn(process.execPath, args, { env: { SWARM_UTILS_DATA_DIR: dataFolder } });
  const [code] = await once(child, 'exit');
  return code;
}

async function untilRunning(url: string): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const response = await fetch(`${url}/api/operations`, { headers });
    if ((await response.text()).includes('"running"')) {
      return;
    }
    await sleep(10);
  }
  assert.fail('no operation runs');
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const service = {
  ID: SERVICE_ID,
  Version: { Index: 7 },
  CreatedAt: '2026-01-01T00:00:00Z',
  UpdatedAt: '2026-01-01T00:00:00Z',
  Spec: {
    Name: 'shop_web',
    Labels: { 'swarm-utils.update.enable': 'true', 'swarm-utils.clean.enabel': 'true' },
    TaskTemplate: {
      ContainerSpec: { Image: 'registry.example.com/shop/web:1' },
      ForceUpdate: 0,
    },
    Mode: { Replicated: { Replicas: 1 } },
    UpdateConfig: { FailureAction: 'pause' },
  },
};
