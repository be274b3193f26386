import type { z } from 'zod';
import { OperationError } from '../../core/errors.ts';
import { type EngineAnswer, EngineAskFailure, type Exchange, reportHelpers } from './conversation.ts';

const MAX_WORDS = 500;

/**
 * The JSON of an answer that the rest depends on.
 * @param what names it in messages: "the list of images"
 * @throws EngineAskFailure where none came, or one with another status than 200
 * @throws OperationError `helper_failed` for what is no such JSON
 */
export function readJson<T>(exchange: Exchange, index: number, schema: z.ZodType<T>, what: string): T {
  const answer = exchange.answers[index];
  if (answer?.kind !== 'answer') {
    throw missing(exchange, what);
  }
  if (answer.status !== 200) {
    const words = `The Engine of ${exchange.nodeName} answers ${answer.status} for ${what}: ${messageOf(answer)}`;
    throw failure(exchange, 'failed', words);
  }
  return readBody(exchange, answer, schema, what);
}

/**
 * As `readJson`, of a thing that need not be there.
 * @returns undefined where the Engine does not have it (404)
 */
export function readJsonUnlessGone<T>(
  exchange: Exchange,
  index: number,
  schema: z.ZodType<T>,
  what: string,
): T | undefined {
  const answer = exchange.answers[index];
  return answer?.kind === 'answer' && answer.status === 404
    ? undefined
    : readJson(exchange, index, schema, what);
}

/** What an Engine says with a refusal: the `message` of its JSON, else its text. */
export function messageOf({ body }: EngineAnswer & { readonly kind: 'answer' }): string {
  const text = body.toString('utf8').trim();
  const json = parseJson(body);
  const message = typeof json === 'object' && json !== null && 'message' in json ? json.message : undefined;
  return (typeof message === 'string' ? message : text).slice(0, MAX_WORDS).toWellFormed();
}

/** Why an answer that was to come did not. */
export function whyMissing({ nodeName, timedOutAfterMs, stderr }: Exchange): string {
  if (timedOutAfterMs !== undefined) {
    return `The Engine of ${nodeName} took longer than the time-out of ${timedOutAfterMs} ms.`;
  }
  const words = stderr.at(-1);
  return `The Engine of ${nodeName} does not answer as it should.${words === undefined ? '' : ` The Docker CLI says: ${words}`}`;
}

function readBody<T>(
  { nodeName }: Exchange,
  { body }: EngineAnswer & { readonly kind: 'answer' },
  schema: z.ZodType<T>,
  what: string,
): T {
  const read = schema.safeParse(parseJson(body));
  if (read.success) {
    return read.data;
  }
  const [issue] = read.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  const message = `What the Engine of ${nodeName} answers for ${what} cannot be read, so nothing was done: ${place}${issue?.message}`;
  throw new OperationError('helper_failed', message);
}

/** @returns undefined for what is no JSON */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function missing(exchange: Exchange, what: string): EngineAskFailure {
  const status = exchange.timedOutAfterMs === undefined ? 'failed' : 'timed_out';
  return failure(exchange, status, `${whyMissing(exchange)} It was asked for ${what}.`);
}

function failure(exchange: Exchange, status: 'failed' | 'timed_out', message: string): EngineAskFailure {
  return new EngineAskFailure({
    status,
    message,
    report: reportHelpers([exchange]) ?? { name: '', tasks: [] },
  });
}
