import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lab, startLab, stopLab } from '../lab/lab.ts';

/** How much of everything; a benchmark takes those that it has a default for. */
export interface Counts {
  readonly rounds: number;
  /** Webhooks in one measurement. */
  readonly requests: number;
  /** Open at the same time. */
  readonly connections: number;
  /** Of doing nothing. */
  readonly seconds: number;
}

export interface Benchmark {
  /** One line. */
  readonly summary: string;
  readonly defaults: Partial<Counts>;
  /** Whether it can measure another revision of this repository too. */
  readonly canCompare?: boolean;
  /** Measures and prints. Answers whether every target was reached; true where there is none. */
  run(bench: Bench, counts: Counts): Promise<boolean>;
}

/** What a run of a benchmark has to itself. It is gone in the end, however that comes. */
export interface Bench {
  /** Of the lab. */
  readonly instance: number;
  /** The revision of this repository to measure beside the working tree. */
  readonly against?: string;
  readonly folder: string;
  /** Ends what was started. Refuses new entries once it is at it, so that nothing starts after the end. */
  readonly resources: AsyncDisposableStack;
  tell(message: string): void;
}

export async function openBench(options: Omit<Bench, 'folder'>): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'swarm-utils-bench-'));
  options.resources.defer(() => rm(folder, { recursive: true, force: true }));
  return { ...options, folder };
}

/** A lab of its own, fresh: a lab of that instance that runs already makes way. */
export async function startBenchLab({ instance, resources, tell }: Bench, nodes: number): Promise<Lab> {
  resources.defer(() => stopLab(instance));
  await stopLab(instance, tell);
  return startLab({ instance, nodes, managers: 1, onProgress: tell });
}
