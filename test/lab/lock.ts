import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from './lab-error.ts';
import { cacheRoot } from './layout.ts';
import { commandEnvironment } from './run-command.ts';

/**
 * Runs the work while holding the lock of that name, which is exclusive among all processes of the machine. Whoever
 * finds it held waits. Node has no flock(2): a child holds the lock until its standard input ends, which also
 * happens when this process is killed.
 */
export async function withLock<T>(
  name: string,
  work: () => Promise<T>,
  onWait?: (message: string) => void,
): Promise<T> {
  const folder = join(cacheRoot, 'locks');
  await mkdir(folder, { recursive: true });
  const holder = spawn('flock', ['--exclusive', join(folder, `${name}.lock`), 'sh', '-c', 'echo; exec cat'], {
    env: commandEnvironment(),
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const patience = setTimeout(() => onWait?.(`waiting for another process that works on ${name}`), 500);
  try {
    const ended = once(holder, 'exit').then(() => 'ended' as const);
    const acquired = once(holder.stdout, 'data').then(() => 'acquired' as const);
    acquired.catch(() => undefined);
    if ((await Promise.race([acquired, ended])) === 'ended') {
      throw new LabError('command-failed', `The lock ${name} could not be taken (flock of util-linux).`);
    }
    clearTimeout(patience);
    return await work();
  } finally {
    clearTimeout(patience);
    holder.stdin.end();
  }
}
