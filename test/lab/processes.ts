import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './lab-error.ts';
import { commandEnvironment } from './run-command.ts';

/** How a daemon is started. */
export interface DaemonStart {
  readonly argv: readonly string[];
  readonly logFile: string;
  /** Where its identity (pid and start time) is recorded. */
  readonly pidFile: string;
  /** Whether the kernel kills it when this process ends, however that ends. Default: it goes on. */
  readonly endsWithStarter?: boolean | undefined;
}

/**
 * Starts a daemon that outlives this process, in a session of its own. It records its own identity before it becomes
 * the program, so that there is no moment at which a daemon runs that nobody could find again.
 */
export function startDaemon(start: DaemonStart): void {
  const log = openSync(start.logFile, 'a');
  const record = 'cat /proc/$$/stat >"$0" && exec "$@"';
  const argv = start.endsWithStarter ? ['setpriv', '--pdeathsig', 'KILL', ...start.argv] : start.argv;
  const child = spawn('sh', ['-c', record, start.pidFile, ...argv], {
    cwd: '/',
    detached: true,
    env: commandEnvironment(),
    stdio: ['ignore', log, log],
  });
  child.on('error', () => undefined);
  child.unref();
  closeSync(log);
}

/** The process a file of `startDaemon` recorded, if that very process (not another of its number) still runs. */
export async function recordedProcess(pidFile: string): Promise<number | undefined> {
  const recorded = parseStat(await readFile(pidFile, 'utf8').catch(() => ''));
  if (!recorded) {
    return undefined;
  }
  const current = parseStat(await readFile(`/proc/${recorded.pid}/stat`, 'utf8').catch(() => ''));
  const isSame = current?.startTime === recorded.startTime && current.state !== 'Z';
  return isSame ? recorded.pid : undefined;
}

/**
 * Kills the recorded process and the process namespace it made, if any, waits until all are gone and removes the
 * record. Harmless when they are gone already.
 */
export async function killRecorded(pidFile: string): Promise<void> {
  const pid = await recordedProcess(pidFile);
  const [own, made] = await Promise.all(
    ['pid', 'pid_for_children'].map(name => readlink(`/proc/${pid}/ns/${name}`).catch(() => undefined)),
  );
  await killUntilGone(async () => {
    const recorded = await recordedProcess(pidFile);
    const members = made === undefined || made === own ? [] : await processesIn('pid', made);
    return recorded === undefined ? members : [recorded, ...members];
  }, pidFile);
  await rm(pidFile, { force: true });
}

/** The processes within a network namespace (a path as `/run/netns/NAME`); none where it does not exist. */
export async function processesInNamespace(path: string): Promise<number[]> {
  const namespace = await stat(path).catch(() => undefined);
  if (!namespace) {
    return [];
  }
  return processesIn('net', `net:[${namespace.ino}]`);
}

/** Kills what `list` answers until it answers none. Throws `timed-out` after 20 s. */
export async function killUntilGone(list: () => Promise<readonly number[]>, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const pids = await list();
    if (pids.length === 0) {
      return;
    }
    for (const pid of pids) {
      sendSignal(pid, 'SIGKILL');
    }
    if (performance.now() > deadline) {
      throw new LabError('timed-out', `${what}: processes ${pids.join(', ')} do not end.`);
    }
    await sleep(10);
  }
}

/** Sends a signal; a process that is gone is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
      throw error;
    }
  }
}

/** A line of /proc/PID/stat (proc_pid_stat(5)). The name in parentheses may hold anything, even parentheses. */
export function parseStat(line: string): { pid: number; state: string; startTime: string } | undefined {
  const rest = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const pid = Number.parseInt(line, 10);
  const [state, startTime] = [rest[0], rest[19]];
  return Number.isInteger(pid) && state && startTime ? { pid, state, startTime } : undefined;
}

async function processesIn(kind: 'net' | 'pid', namespace: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter(entry => /^\d+$/.test(entry));
  const links = await Promise.all(pids.map(pid => readlink(`/proc/${pid}/ns/${kind}`).catch(() => '')));
  return pids.filter((_, index) => links[index] === namespace).map(Number);
}
