import { parseArgs } from 'node:util';
import { LabError } from '../lab/lab-error.ts';
import { requirePrivileges } from '../lab/privileges.ts';
import { backupBenchmark } from './backup.ts';
import { type Benchmark, type Counts, openBench } from './bench.ts';
import { cleanBenchmark } from './clean.ts';
import { idleBenchmark } from './idle.ts';
import { describeMachine } from './report.ts';
import { updateBenchmark } from './update.ts';
import { webhookBenchmark } from './webhook.ts';

const benchmarks: Readonly<Record<string, Benchmark>> = {
  update: updateBenchmark,
  clean: cleanBenchmark,
  backup: backupBenchmark,
  webhook: webhookBenchmark,
  idle: idleBenchmark,
};
/** People use 0, tests 1. */
const DEFAULT_INSTANCE = 5;
const counts: Counts = { rounds: 0, requests: 0, connections: 0, seconds: 0 };
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

const usage = `Measures swarm-utils beside something known, in one run: machines are noisy, ratios less so.

${Object.entries(benchmarks)
  .map(([name, { summary, defaults }]) => {
    const options = Object.entries(defaults).map(([option, value]) => `[--${option} ${value}]`);
    return `  npm run bench -- ${name} ${options.join(' ')}\n      ${summary}`;
  })
  .join('\n')}

  --rounds N       how often each contender is measured
  --requests N     webhooks in one measurement
  --connections N  of the client, each with one webhook at a time
  --seconds N      of doing nothing
  --against REV    measures that revision of this repository too, in turn with the working tree (clean)
  --instance N     the lab of its own that it brings up and takes down, default ${DEFAULT_INSTANCE}
  --check          exit code 1 when a target is not met

docs/benchmarks.md says what the figures mean. Needs root on Linux.`;

class UsageError extends Error {
  override readonly name = 'UsageError';
}

async function main(): Promise<number> {
  const { benchmark, values } = readArguments();
  if (benchmark === undefined) {
    console.log(usage);
    return 0;
  }
  const resources = new AsyncDisposableStack();
  const interruption = Promise.withResolvers<number>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      console.error(`${signal}: taking down what was started …`);
      interruption.resolve(exitCodes[signal]);
    });
  }
  try {
    return await Promise.race([run(benchmark, values, resources), interruption.promise]);
  } finally {
    await resources.disposeAsync();
  }
}

async function run(
  benchmark: Benchmark,
  values: Arguments,
  resources: AsyncDisposableStack,
): Promise<number> {
  requirePrivileges();
  console.log(describeMachine());
  const start = performance.now();
  const tell = (message: string) =>
    console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${message}`);
  const { instance, against } = values;
  const bench = await openBench({ instance, ...(against !== undefined && { against }), resources, tell });
  const isMet = await benchmark.run(bench, values);
  return isMet || !values.check ? 0 : 1;
}

type Arguments = Counts & {
  readonly instance: number;
  readonly against: string | undefined;
  readonly check: boolean;
};

function readArguments(): { benchmark?: Benchmark; values: Arguments } {
  const { values, positionals } = parse();
  const [name, ...rest] = positionals;
  const { against, check } = values;
  const known = { ...counts, instance: wholeNumber('instance', values.instance), against, check };
  if (values.help || name === 'help') {
    return { values: known };
  }
  const benchmark = name !== undefined && Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
  if (benchmark === undefined || rest.length > 0) {
    throw new UsageError(`Which of ${Object.keys(benchmarks).join(', ')}? See npm run bench -- --help`);
  }
  if (against !== undefined && !benchmark.canCompare) {
    throw new UsageError(`--against means nothing to ${name}.`);
  }
  const given = (Object.keys(counts) as (keyof Counts)[]).flatMap(option => {
    const text = values[option];
    if (text === undefined) {
      return [];
    }
    if (benchmark.defaults[option] === undefined) {
      throw new UsageError(`--${option} means nothing to ${name}.`);
    }
    return [[option, wholeNumber(option, text)] as const];
  });
  return { benchmark, values: { ...known, ...benchmark.defaults, ...Object.fromEntries(given) } };
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        requests: { type: 'string' },
        connections: { type: 'string' },
        seconds: { type: 'string' },
        against: { type: 'string' },
        instance: { type: 'string', default: String(DEFAULT_INSTANCE) },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(option: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text) && !(option === 'instance' && text === '0')) {
    throw new UsageError(`--${option} takes a whole number from 1 on, not ${text}.`);
  }
  return Number(text);
}

main().then(
  // What an interrupted run still waits for must not keep the process.
  code => process.exit(code),
  (error: unknown) => {
    // What is said to people needs no stack; anything else is a fault of the benchmark.
    console.error(error instanceof LabError || error instanceof UsageError ? error.message : error);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
