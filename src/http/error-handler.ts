import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { ProviderError } from '../../providers/provider.ts';
import { answerForError, type ErrorAnswer, errorAnswer } from './errors.ts';
import type { CountFailure } from './failure-limit.ts';
import { sendJson } from './send-json.ts';

/** A client that was told to come back is asked to wait this long. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Answers whatever was thrown with one of the uniform answers, and logs what the answer does not say.
 * @param route the route's pattern, for the log; the path itself may hold anything
 */
export type AnswerError = (
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  route: string,
) => Promise<void>;

/** An answer and its headers besides those of every answer. */
type Refusal = ErrorAnswer & { readonly headers?: Readonly<Record<string, string>> };

export function createAnswerError(options: {
  readonly log: Logger;
  readonly countFailure: CountFailure;
  /** The client's, behind proxies too. */
  addressOf(request: IncomingMessage): string;
}): AnswerError {
  const { log, countFailure, addressOf } = options;

  /** @returns the answer for a refused credential, which depends on how many there were */
  async function refuseCredential(error: unknown, address: string, route: string): Promise<Refusal> {
    const verdict = await countFailure(address);
    if (!verdict.isOverLimit) {
      log.warn(
        { event: 'access.refused', route, address, reason: reasonOf(error) },
        'a credential was refused',
      );
      return { ...errorAnswer('unauthorized'), headers: { 'WWW-Authenticate': 'Bearer' } };
    }
    if (verdict.isFirst) {
      log.warn({ event: 'access.limited', route, address }, 'too many refused credentials from this address');
    }
    const headers = { 'Retry-After': String(verdict.retryAfterSeconds) };
    return { ...errorAnswer('too_many_failures'), headers };
  }

  function reportUnavailable(error: unknown, answer: ErrorAnswer, route: string): Refusal {
    log.warn(
      { event: 'http.unavailable', route, code: answer.code, reason: reasonOf(error) },
      'not available',
    );
    return { ...answer, headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) } };
  }

  function reportUnexpected(error: unknown, route: string): Refusal {
    const errorId = randomUUID();
    log.error({ event: 'http.internal', errorId, route, err: error }, 'a request failed unexpectedly');
    return errorAnswer('internal', `Something went wrong here. The log has more under ${errorId}.`);
  }

  async function refusalFor(error: unknown, request: IncomingMessage, route: string): Promise<Refusal> {
    const expected = answerForError(error);
    if (expected === undefined) {
      return reportUnexpected(error, route);
    }
    if (expected.code === 'unauthorized') {
      return refuseCredential(error, addressOf(request), route);
    }
    if (error instanceof ProviderError && error.code === 'malformed') {
      // Verified, so the platform's delivery page shows only that it was refused: here is why.
      log.warn({ event: 'webhook.malformed', route, reason: reasonOf(error) }, 'a webhook can not be read');
    }
    if (expected.status === 409 && expected.code !== 'token_reused') {
      return { ...expected, headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) } };
    }
    return expected.status === 503 ? reportUnavailable(error, expected, route) : expected;
  }

  return async (error, request, response, route) => {
    if (response.headersSent || response.destroyed || request.socket.destroyed) {
      response.destroy();
      return;
    }
    const { status, body, headers } = await refusalFor(error, request, route);
    sendJson(response, status, body, headers);
  };
}

/** Causes tell the operator what the caller must not know. Messages hold no credentials by contract. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return error instanceof Error ? error.message + cause : 'unknown';
}
