import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { LabError } from './lab-error.ts';

/** What a finished program left. `exitCode` is null when a signal ended it. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

/** How to run a program. */
export interface CommandOptions {
  /** Written to its standard input. */
  readonly input?: string | Uint8Array;
  /** Added to this process' environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** After that it is killed, and the result is `timed-out`. Default 120 000. */
  readonly timeoutMs?: number;
  /** Called with each line of both outputs as it comes. */
  readonly onLine?: (line: string) => void;
}

// `su` without a login shell leaves the administrator's folders out of PATH.
const searchPath = [
  ...new Set([
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/usr/bin',
    '/sbin',
    '/bin',
  ]),
].filter(folder => folder !== '' && !folder.includes('node_modules'));

/** The environment programs are started with: this one's, with the administrator's folders in PATH. */
export function commandEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: searchPath.join(delimiter), LC_ALL: 'C.UTF-8', ...extra };
}

/** The full path of a program, or undefined where there is none. */
export function findProgram(name: string): string | undefined {
  return searchPath.map(folder => join(folder, name)).find(path => existsSync(path));
}

/**
 * Runs a program to its end. Its exit code is a value, not an error; throws `package-missing` where there is no
 * such program and `timed-out` when it was killed for its time.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? 120_000;
  const signal = AbortSignal.timeout(timeoutMs);
  const child = spawn(command, args, {
    env: commandEnvironment(options.env),
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    let rest = '';
    child[stream].setEncoding('utf8');
    child[stream].on('data', (chunk: string) => {
      output[stream] += chunk;
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        options.onLine?.(line);
      }
    });
  }
  // A program may end without reading its input; that is its right.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');

  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) {
        reject(new LabError('timed-out', `${command} ${args.join(' ')} took more than ${timeoutMs} ms.`));
      } else {
        const code = error.code === 'ENOENT' ? 'package-missing' : 'command-failed';
        reject(new LabError(code, `${command} could not be started: ${error.message}`, { cause: error }));
      }
    });
    child.once('close', exitCode => resolve({ ...output, exitCode }));
  });
}

/** Runs a program that must succeed and answers its standard output. Throws `command-failed` with its last lines. */
export async function runChecked(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await runCommand(command, args, options);
  if (result.exitCode !== 0) {
    throw new LabError(
      'command-failed',
      `${command} ${args.join(' ')} ended with ${result.exitCode}:\n${lastLines(result.stderr || result.stdout)}`,
    );
  }
  return result.stdout;
}

/** The last lines of an output, for a message. */
export function lastLines(text: string, count = 15): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
