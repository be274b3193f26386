import type { HelperReport, TaskReport } from '../../core/helper.ts';
import type { HelperOutcome } from '../run-helper.ts';
import type { HttpAnswer } from './http-answers.ts';

/** A request to the Engine of a node. */
export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** After the version: `/images/json?all=1`. What in it is a value is percent-encoded. */
  readonly path: string;
  /** It is only sent if what the Engine answers to a GET just before has a line that matches. */
  readonly onlyIf?: {
    readonly path: string;
    /** A basic regular expression of POSIX. */
    readonly pattern: string;
  };
}

/** Requests that an Engine answers one after the other, over one connection. */
export interface Conversation {
  readonly requests: readonly EngineRequest[];
  /** For all of them together, milliseconds. */
  readonly timeoutMs: number;
}

export type EngineAnswer =
  | ({ readonly kind: 'answer' } & HttpAnswer)
  /** Its `onlyIf` did not hold, so it was not sent. */
  | { readonly kind: 'held_back' }
  /** None came, or none that can be read. What became of the request is not known. */
  | { readonly kind: 'missing' };

/** What a conversation came to. */
export interface Exchange {
  /** The answers in the order of the requests. */
  readonly answers: readonly EngineAnswer[];
  /** It was ended for taking longer than this. */
  readonly timedOutAfterMs?: number;
  /** Exit code of the Docker CLI that carried it. */
  readonly exitCode: number;
  /** What the Docker CLI said, as it may be shown. */
  readonly stderr: readonly string[];
  /** Host name. */
  readonly nodeName: string;
  /** The newest version of the API that its Engine speaks. */
  readonly apiVersion: string;
  /** The helper that carried it. */
  readonly helper: { readonly name: string; readonly task: TaskReport };
}

/** A helper did not come to its end, or the Engine did not answer what was asked of it. */
export class EngineAskFailure extends Error {
  override readonly name = 'EngineAskFailure';
  readonly outcome: HelperOutcome;

  constructor(outcome: HelperOutcome) {
    super(outcome.message ?? 'The helper failed.');
    this.outcome = outcome;
  }
}

const LOG_LINES = 100;

/** The helpers that carried these, with what the CLI said on standard error, and how the first failure ended. */
export function reportHelpers(exchanges: readonly Exchange[]): HelperReport | undefined {
  const tasks = new Map<string, TaskReport & { readonly exitCode: number }>();
  for (const { helper, stderr, exitCode } of exchanges) {
    const task = tasks.get(helper.name) ?? { ...helper.task, logs: [], exitCode: 0 };
    const logs = [...task.logs, ...stderr].slice(-LOG_LINES);
    tasks.set(helper.name, { ...task, logs, exitCode: task.exitCode === 0 ? exitCode : task.exitCode });
  }
  return tasks.size === 0 ? undefined : { name: [...tasks.keys()].join(', '), tasks: [...tasks.values()] };
}
