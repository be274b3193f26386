import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { relative } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { createProviders } from '../providers/index.ts';
import type { Providers } from '../providers/provider.ts';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { isFinished, type Operation } from './core/operation.ts';
import { createRedactor } from './core/redactor.ts';
import { createCron } from './cron.ts';
import { createBackupsView } from './engine/backup/show-backups.ts';
import { createBell } from './engine/bell.ts';
import { systemClock } from './engine/clock.ts';
import { createDockerodeSwarm } from './engine/dockerode.ts';
import { createJournal } from './engine/journal.ts';
import { createLabelWatch } from './engine/label-watch.ts';
import { createLock } from './engine/lock.ts';
import { createOperations } from './engine/operations.ts';
import { createOwnServiceCheck } from './engine/own-service.ts';
import { createOwner, readContainerId } from './engine/owner.ts';
import { createParsedTargets } from './engine/parsed-targets.ts';
import { createRecovery, type RecoveryOptions } from './engine/recover.ts';
import type { EngineWorld } from './engine/steps/step-executor.ts';
import { openStore } from './engine/store.ts';
import { logEngine } from './engine-log.ts';
import { closeServer, listen, stopOnSignal } from './graceful-stop.ts';
import { createHttpServer, type HttpOptions } from './http/app.ts';
import { type HealthSocket, openHealthSocket } from './http/health-socket.ts';
import { createLog, type Log } from './log.ts';
import { type CommandResult, webhookSecretCommand } from './webhook-secret-command.ts';

const { version } = packageJson;
/** Longest list of operations that the stop can wait for, and that the log names. */
const MAX_AWAITED = 1000;
const LABEL_WATCH_INTERVAL_MS = 60_000;
/** Well within what the image's health check has patience for. */
const RECOVERY_PATIENCE_MS = 10_000;

/** The source, or the bundle of the image. */
const program = relative(process.cwd(), process.argv[1] ?? 'main.js');

const usage = `swarm-utils ${version}: updates, cleans, backs up and restores Docker Swarm services, for CI without a secret

usage: node ${program}                                      serve, until SIGTERM
       node ${program} webhook-secret <provider> <repository>
                                                             print the webhook secret of a repository on github
                                                             or gitlab, or of a group on gitlab
       node ${program} --help | --version

Everything is set by environment variables: see docs/environment.md.`;

function main([command, ...rest]: readonly string[]): void {
  switch (command) {
    case undefined:
      start(readConfig());
      break;
    case 'webhook-secret':
      tell(webhookSecretCommand(rest, readConfig().providers.webhookMasterKey));
      break;
    case 'help':
    case '--help':
      tell({ output: usage });
      break;
    case '--version':
      tell({ output: version });
      break;
    default:
      tell({ refusal: `Unknown command ${JSON.stringify(command)}.\n\n${usage}` });
  }
}

function tell(result: CommandResult): void {
  if ('output' in result) {
    console.log(result.output);
  } else {
    console.error(result.refusal);
    process.exitCode = 1;
  }
}

function start(config: Config): void {
  const redact = createRedactor(config.secretValues);
  const log = createLog({ level: config.logLevel, redact });
  const end = (event: string, message: string) => (error: unknown) => {
    log.fatal({ event, err: error }, message);
    process.exit(1);
  };
  // What nobody caught, a rejected promise too, leaves the program in a state that nobody knows: the swarm starts it anew.
  process.on('uncaughtException', end('fault', 'unexpected fault: ending'));
  serve(config, log, redact).catch(end('start.failed', 'could not start'));
}

/** Composes the program. Resolves when it listens. */
async function serve(config: Config, log: Log, redact: (text: string) => string): Promise<void> {
  const swarm = createDockerodeSwarm(config.docker, engine => logEngine(log, engine));
  const container = ownContainer();
  const owner = createOwner(container);
  const store = openStore(config.dataDir, systemClock.now());
  for (const operation of store.interrupted) {
    logFinished(log, operation);
  }
  const world: EngineWorld = {
    swarm,
    clock: systemClock,
    settings: config.engine,
    owner,
    namesInUse: new Set(),
    journal: createJournal(swarm, owner, config =>
      log.warn({ event: 'journal.unreadable', ...config }, 'a Docker config that is no entry of the journal'),
    ),
    isOwnService: createOwnServiceCheck(swarm, container),
    leftBehind: createBell(),
    redact,
  };
  const lock = createLock();
  const recovery = createRecovery({ world, lock, ...tellRecovery(log) });
  const operations = createOperations({
    world,
    lock,
    history: store.history,
    onFinished: operation => logFinished(log, operation),
    onInternalError: (error, { id }) =>
      log.error({ event: 'operation.fault', id, err: error }, 'unexpected fault in an operation'),
  });
  const providers = createProviders(config.providers);
  const parsedTargets = createParsedTargets();
  const cron = createCron({
    settings: config.cron,
    swarm,
    parsedTargets,
    operations,
    store: store.schedule,
    clock: systemClock,
    log,
  });
  let isStopping = false;
  const shared: Omit<HttpOptions, 'routes'> = {
    swarm,
    parsedTargets,
    operations,
    providers,
    listBackups: createBackupsView(world, (error, serviceName) =>
      log.error({ event: 'backups.fault', serviceName, err: error }, 'unexpected fault in a list of backups'),
    ),
    replay: store.replay,
    schedule: cron,
    adminTokens: config.http.adminTokens,
    cleanNodeDefaults: config.engine.cleanNode,
    parallelOperations: config.cron.parallel,
    authFailureLimit: config.http.authFailureLimit,
    trustProxy: config.http.trustProxy,
    log,
    isStopping: () => isStopping,
    now: systemClock.now,
    lockRetryAfterSeconds: Math.ceil(config.engine.timeouts.lockMs / 1000),
  };
  const { port, webhookPort } = config.http;
  const servers =
    webhookPort === undefined
      ? [{ server: createHttpServer({ ...shared, routes: 'all' }), port }]
      : [
          { server: createHttpServer({ ...shared, routes: 'api' }), port },
          { server: createHttpServer({ ...shared, routes: 'webhooks' }), port: webhookPort },
        ];

  const labelWatch = createLabelWatch({
    swarm,
    parsedTargets,
    intervalMs: LABEL_WATCH_INTERVAL_MS,
    onFault: ({ kind, name }, fault) =>
      log.warn({ event: 'label.fault', [kind]: name, ...fault }, 'a label that grants nothing'),
  });

  let health: HealthSocket | undefined;
  stopOnSignal(log, async () => {
    isStopping = true;
    recovery.stop();
    labelWatch.stop();
    const cronStopped = cron.stop();
    const awaited = operations.list({ limit: MAX_AWAITED }).filter(operation => !isFinished(operation));
    for (const { id, action, target } of awaited) {
      log.info({ event: 'stop.awaits', id, action, target: target.name }, 'waiting for an operation');
    }
    await operations.stop();
    await cronStopped;
    await Promise.all(servers.map(({ server }) => closeServer(server)));
    // Last of all, so that what takes long to stop is not taken for ill.
    health?.remove();
    await (health && closeServer(health.server));
    store.close();
  });
  // What is stopped is started before anybody asks for anything; but who asks is not kept waiting for long.
  await recovery.begin(RECOVERY_PATIENCE_MS);
  await Promise.all(servers.map(({ server, port: on }) => listen(server, on)));
  health = await openHealthSocket(config.dataDir);
  logStart(log, config, providers);
  cron.start();
  labelWatch.look().catch((error: unknown) => {
    log.warn(
      { event: 'swarm.unavailable', err: error },
      'the Engine can not be reached or is no manager: not ready',
    );
  });
}

/** Its id, or the host's name outside of one. The host name of a container can be anything. */
function ownContainer(): string {
  try {
    return readContainerId(readFileSync('/proc/self/mountinfo', 'utf8')) ?? hostname();
  } catch {
    return hostname();
  }
}

function tellRecovery(log: Log): Pick<RecoveryOptions, 'onMended' | 'onFailed' | 'onAway'> {
  return {
    onMended: ({ kind, name }, what) =>
      log.warn({ event: 'leftover.mended', kind, name }, `of an earlier run: ${kind} ${name}: ${what}`),
    onFailed: ({ kind, name }, err) =>
      log.error(
        { event: 'leftover.stays', kind, name, err },
        'of an earlier run, and could not be mended; trying again',
      ),
    onAway: err =>
      log.warn({ event: 'leftover.unknown', err }, 'could not look for what earlier runs left; trying again'),
  };
}

function logStart(log: Log, config: Config, { webhooks, tokens }: Providers): void {
  log.info(
    {
      event: 'started',
      version,
      node: process.versions.node,
      ...(config.http.webhookPort !== undefined && { webhookPort: config.http.webhookPort }),
      port: config.http.port,
      webhooks: [...webhooks.keys()],
      oidc: tokens !== undefined,
      admins: config.http.adminTokens.length,
    },
    'ready for requests',
  );
  if (config.withoutEffect.length > 0) {
    log.warn(
      { event: 'config.without_effect', variables: config.withoutEffect },
      'these variables have no effect in this version',
    );
  }
}

/** The one line that says what an operation came to; the details are in the operation. */
function logFinished(log: Log, operation: Operation): void {
  const { id, action, target, caller, status, createdAt, finishedAt, error } = operation;
  log.info(
    {
      event: 'operation.finished',
      id,
      action,
      target: target.name,
      caller,
      status,
      durationMs: finishedAt === undefined ? undefined : Date.parse(finishedAt) - Date.parse(createdAt),
      code: error?.code,
    },
    `${action} ${target.name}: ${status}`,
  );
  for (const { code, message } of operation.warnings ?? []) {
    log.warn(
      { event: 'operation.warning', id, action, target: target.name, code },
      `${action} ${target.name}: ${message}`,
    );
  }
}

function readConfig(): Config {
  try {
    return loadConfig(process.env, path => readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(error.message);
      process.exit(1);
    }
    throw error;
  }
}

main(process.argv.slice(2));
