import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench.ts';

/** A program that is measured, in a process of its own. */
export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** When it was started, as `performance.now()`. */
  readonly startedAt: number;
  /** Ends it and waits until it has ended. */
  stop(): Promise<void>;
  /** Throws with its last words when it has ended by itself. */
  mustRun(): Promise<void>;
}

export interface ServerStart {
  /** For messages and for the file of what it prints. */
  readonly name: string;
  readonly port: number;
  readonly command: string;
  readonly args: readonly string[];
  /** All of its environment but PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

const STOP_TIMEOUT_MS = 15_000;

/** Starts a server. What it prints goes into a file, as it costs least. */
export function startServer(bench: Bench, start: ServerStart): ServerProcess {
  const logFile = join(bench.folder, `${start.name.replaceAll(/\W+/g, '-')}-${start.port}.log`);
  let child: ChildProcess | undefined;
  const stop = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const patience = setTimeout(() => child?.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(patience);
  };
  bench.resources.defer(stop);
  const log = openSync(logFile, 'w');
  const startedAt = performance.now();
  child = spawn(start.command, start.args, {
    cwd: bench.folder,
    env: { PATH: process.env.PATH, ...start.env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let fault: Error | undefined;
  child.once('error', error => {
    fault = error;
  });
  return {
    name: start.name,
    pid: child.pid ?? 0,
    port: start.port,
    startedAt,
    stop,
    async mustRun() {
      if (fault !== undefined || child.exitCode !== null || child.signalCode !== null) {
        const words = (await readFile(logFile, 'utf8')).split('\n').slice(-20).join('\n');
        throw new Error(`${start.name} does not run: ${fault?.message ?? words}`);
      }
    },
  };
}

/** Waits for the status 200 of a path. @returns the milliseconds from the start of the process */
export async function waitUntilReady(server: ServerProcess, path: string): Promise<number> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const status = await fetch(`http://127.0.0.1:${server.port}${path}`).then(
      async response => {
        await response.arrayBuffer();
        return response.status;
      },
      () => undefined,
    );
    if (status === 200) {
      return performance.now() - server.startedAt;
    }
    await server.mustRun();
    if (performance.now() > deadline) {
      throw new Error(`${server.name} is not ready after 30 s: ${path} answers ${status ?? 'nothing'}.`);
    }
    await sleep(5);
  }
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') {
    throw new TypeError('A TCP server has a port.');
  }
  return address.port;
}

/** The memory that a process holds (VmRSS of proc_pid_status(5)), bytes. */
export async function residentBytes({ pid }: ServerProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10;

/** Processor time of a process and of the children that it has waited for (proc_pid_stat(5)), milliseconds. */
export async function processorMs({ pid }: ServerProcess): Promise<number> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * MS_PER_TICK;
}

/** Waits until a process has nothing to do any more. @returns how long that took, milliseconds */
export async function waitUntilQuiet(server: ServerProcess): Promise<number> {
  const start = performance.now();
  let before = await processorMs(server);
  let quietSince = start;
  while (performance.now() - quietSince < 150) {
    await sleep(50);
    const now = await processorMs(server);
    if (now > before) {
      quietSince = performance.now();
    }
    before = now;
  }
  return quietSince - start;
}
