import { spawnSync } from 'node:child_process';
import { globSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const root = join(import.meta.dirname, '..');
const coverageDir = join(root, 'coverage');
const rawCoverageDir = join(coverageDir, 'raw');
/** Longest time for one file. */
const FILE_TIMEOUT_MS = 45 * 60 * 1000;
const SLOWEST_SHOWN = 5;

/** What became of the tests. Whatever did not pass has failed, skipped ones included. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

export interface SuiteResult extends Counts {
  /** Of each file, milliseconds. */
  readonly durations: ReadonlyMap<string, number>;
}

export interface SuiteOptions {
  /** From the root of the repository. */
  readonly files: readonly string[];
  /** How many files run at once. Default: one per processor. */
  readonly concurrency?: number;
  /** Added to the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where what happens is told. Default: standard output. */
  readonly output?: Writable;
  readonly signal: AbortSignal;
}

/** Runs test files, each in a process of its own, and prints what happens as it does. */
export async function runSuite(options: SuiteOptions): Promise<SuiteResult> {
  const { output = process.stdout } = options;
  let passed = 0;
  const refusals: string[] = [];
  const durations = new Map<string, number>();
  let failed = 0;
  const stream = run({
    files: options.files.map(file => join(root, file)),
    concurrency: options.concurrency ?? availableParallelism(),
    timeout: FILE_TIMEOUT_MS,
    signal: options.signal,
    cwd: root,
    env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0', ...options.env },
  });
  stream.on('test:summary', ({ file, counts, duration_ms }) => {
    if (file !== undefined) {
      durations.set(relative(root, file), duration_ms);
      return;
    }
    passed = counts.passed;
    failed = counts.tests - counts.passed;
    for (const kind of ['cancelled', 'skipped', 'todo'] as const) {
      if (counts[kind] > 0) {
        refusals.push(`${counts[kind]} ${kind}: every test must run`);
      }
    }
  });
  const report = stream.compose(spec);
  report.pipe(output, { end: false });
  await finished(report);
  // A file that reports nothing has no tests or ended before they did; to node:test the first is a success.
  const silent = options.files.filter(file => !durations.has(file));
  refusals.push(...silent.map(file => `${file} did not report any test`));
  for (const refusal of refusals) {
    output.write(`✖ ${refusal}\n`);
  }
  const hasFailed = failed > 0 || refusals.length > 0 || passed === 0 || options.signal.aborted;
  return { passed, failed: hasFailed ? Math.max(failed, 1) : 0, durations };
}

/** The sum of several results. */
export function sumOfResults(results: readonly SuiteResult[]): SuiteResult {
  const sum = (count: (result: SuiteResult) => number) =>
    results.reduce((total, result) => total + count(result), 0);
  return {
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    durations: new Map(results.flatMap(({ durations }) => [...durations])),
  };
}

/** As `runSuite`, and measures which lines of the product ran. Too few count as one failed test. */
export async function runSuiteWithCoverage(
  options: SuiteOptions,
  thresholds: { readonly lines: number; readonly branches: number },
): Promise<SuiteResult> {
  rmSync(rawCoverageDir, { recursive: true, force: true });
  const env = { ...options.env, NODE_V8_COVERAGE: rawCoverageDir };
  loadEveryModule(env);
  const counts = await runSuite({ ...options, env });
  const report = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules', 'c8', 'bin', 'c8.js'),
      'report',
      '--check-coverage',
      ...['--temp-directory', rawCoverageDir],
      ...['--reports-dir', coverageDir],
      ...['--all', '--src', 'src', '--src', 'providers'],
      ...['--include', 'src/**', '--include', 'providers/**'],
      ...['--reporter', 'text', '--reporter', 'lcovonly', '--skip-full'],
      ...['--lines', String(thresholds.lines), '--branches', String(thresholds.branches)],
    ],
    { cwd: root, stdio: 'inherit' },
  );
  return report.status === 0 ? counts : { ...counts, failed: counts.failed + 1 };
}

/** So that a module of types alone, which no test loads at run time, is not taken for one that is not tested. */
function loadEveryModule(env: Readonly<Record<string, string>>): void {
  const modules = globSync('{src,providers}/**/*.ts', { cwd: root }).filter(
    file => file !== join('src', 'main.ts'),
  );
  const script = modules.map(file => `await import(${JSON.stringify(join(root, file))});`).join('\n');
  const result = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (result.status !== 0) {
    throw new Error(`a module can't be loaded:\n${result.stderr}`);
  }
}

export function printSlowest(durations: ReadonlyMap<string, number>): void {
  const slowest = [...durations].sort((left, right) => right[1] - left[1]).slice(0, SLOWEST_SHOWN);
  console.log('slowest files:');
  for (const [file, durationMs] of slowest) {
    console.log(`  ${(durationMs / 1000).toFixed(1).padStart(6)} s  ${file}`);
  }
}
