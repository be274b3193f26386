import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { LoadResult } from './load-client.ts';

/** A load of webhooks, no two alike: a body that was seen before would be answered from memory. */
export interface LoadJob {
  readonly port: number;
  readonly path: string;
  readonly event: string;
  /** Its `after` is replaced by each webhook's number. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** What it is signed with, whether that is right or not. */
  readonly secret: string;
  readonly count: number;
  /** The number of the first webhook. */
  readonly firstNumber: number;
  readonly connections: number;
}

/** Sends the webhooks from a process of its own; they are signed before the clock runs. */
export async function runLoad(resources: AsyncDisposableStack, job: LoadJob): Promise<LoadResult> {
  const child = fork(new URL('./load-process.ts', import.meta.url), { env: { PATH: process.env.PATH } });
  resources.defer(() => void child.kill());
  const ended = once(child, 'exit');
  const answered = once(child, 'message');
  answered.catch(() => undefined);
  child.send(job);
  const first = await Promise.race([answered, ended.then(([code]) => Number(code))]);
  if (typeof first === 'number') {
    throw new Error(`The client ended with ${first}.`);
  }
  await ended;
  return first[0] as LoadResult;
}
