import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './lab-error.ts';
import type { RegistryLayout } from './layout.ts';
import { killRecorded, recordedProcess, startDaemon } from './processes.ts';
import { lastLines, runChecked } from './run-command.ts';

/** Who may use a private registry. */
export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

/** Starts a registry on its data folder, new or old, and waits until it answers. Harmless when it runs already. */
export async function startRegistry(
  layout: RegistryLayout,
  credentials: RegistryCredentials | undefined,
): Promise<void> {
  if (await isRegistryRunning(layout)) {
    return;
  }
  await mkdir(layout.stateDir, { recursive: true });
  const configFile = join(layout.stateDir, 'config.yml');
  const passwordFile = join(layout.stateDir, 'htpasswd');
  if (credentials) {
    await writeFile(passwordFile, `${credentials.username}:${await bcrypt(credentials.password)}\n`);
  }
  const config = {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(layout.stateDir, 'data') }, delete: { enabled: true } },
    http: { addr: `${layout.host}:${layout.port}` },
    ...(credentials && { auth: { htpasswd: { realm: 'lab', path: passwordFile } } }),
  };
  // YAML takes JSON as it is.
  await writeFile(configFile, JSON.stringify(config, undefined, 2));
  startDaemon({
    argv: ['docker-registry', 'serve', configFile],
    logFile: logFile(layout),
    pidFile: registryPidFile(layout),
  });
  await waitForRegistry(layout);
}

/** Stops a registry at once. Its data stays for the next start. */
export async function stopRegistry(layout: RegistryLayout): Promise<void> {
  await killRecorded(registryPidFile(layout));
}

/** Whether the registry's process runs. */
export async function isRegistryRunning(layout: RegistryLayout): Promise<boolean> {
  return (await recordedProcess(registryPidFile(layout))) !== undefined;
}

function registryPidFile(layout: RegistryLayout): string {
  return join(layout.stateDir, 'registry.pid');
}

async function waitForRegistry(layout: RegistryLayout): Promise<void> {
  const deadline = performance.now() + 15_000;
  const answers = () =>
    fetch(`http://${layout.host}:${layout.port}/v2/`, { signal: AbortSignal.timeout(1000) }).then(
      response => response.body?.cancel().then(() => true),
      () => false,
    );
  while (!(await answers())) {
    if (performance.now() > deadline) {
      const log = await readFile(logFile(layout), 'utf8').catch(() => '');
      throw new LabError(
        'registry-failed',
        `The ${layout.name} registry does not answer on ${layout.host}:${layout.port}:\n${lastLines(log)}`,
      );
    }
    await sleep(20);
  }
}

function logFile(layout: RegistryLayout): string {
  return join(layout.stateDir, 'registry.log');
}

// Debian's registry takes bcrypt only, which Node lacks and the C library behind every Debian's perl-base has.
function bcrypt(password: string): Promise<string> {
  const salt = '$2y$05$abcdefghijklmnopqrstuu';
  return runChecked('perl', ['-e', `print crypt(<STDIN>, '${salt}')`], { input: password });
}
