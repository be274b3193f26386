import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';
import { answerForError, type ErrorAnswer, errorAnswer } from './errors.ts';
import type { FailureVerdict } from './failure-limit.ts';
import { sendJson } from './send-json.ts';

/** A client that was told to come back is asked to wait this long. */
const RETRY_AFTER_SECONDS = 5;

/** Turns whatever was thrown into one of the uniform answers, and logs what the answer does not say. */
export function createErrorHandler(options: {
  readonly log: Logger;
  countFailure(request: Request, response: Response): Promise<FailureVerdict>;
}) {
  const { log, countFailure } = options;

  /** @returns the answer for a refused credential, which depends on how many there were */
  async function refuseCredential(
    error: unknown,
    request: Request,
    response: Response,
  ): Promise<ErrorAnswer> {
    const verdict = await countFailure(request, response);
    const entry = { route: routeOf(request), address: request.ip };
    if (!verdict.isOverLimit) {
      log.warn({ event: 'access.refused', ...entry, reason: reasonOf(error) }, 'a credential was refused');
      response.set('WWW-Authenticate', 'Bearer');
      return errorAnswer('unauthorized');
    }
    if (verdict.isFirst) {
      log.warn({ event: 'access.limited', ...entry }, 'too many refused credentials from this address');
    }
    response.set('Retry-After', String(verdict.retryAfterSeconds));
    return errorAnswer('too_many_failures');
  }

  function reportUnexpected(error: unknown, request: Request): ErrorAnswer {
    const errorId = randomUUID();
    log.error(
      { event: 'http.internal', errorId, route: routeOf(request), err: error },
      'a request failed unexpectedly',
    );
    return errorAnswer('internal', `Something went wrong here. The log has more under ${errorId}.`);
  }

  // Express knows an error handler by its four parameters.
  return async (error: unknown, request: Request, response: Response, _next: NextFunction): Promise<void> => {
    if (response.headersSent || response.destroyed || request.socket.destroyed) {
      response.destroy();
      return;
    }
    const expected = answerForError(error);
    const answer =
      expected?.code === 'unauthorized'
        ? await refuseCredential(error, request, response)
        : (expected ?? reportUnexpected(error, request));
    if (answer.status === 503) {
      log.warn(
        { event: 'http.unavailable', route: routeOf(request), code: answer.code, reason: reasonOf(error) },
        'not available',
      );
      response.set('Retry-After', String(RETRY_AFTER_SECONDS));
    }
    sendJson(response, answer.status, answer.body);
  };
}

/** The route's pattern; the path itself may hold anything. */
function routeOf(request: Request): string {
  const pattern: unknown = request.route?.path;
  return `${request.method} ${typeof pattern === 'string' ? pattern : '-'}`;
}

/** Causes tell the operator what the caller must not know. Messages hold no credentials by contract. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return error instanceof Error ? error.message + cause : 'unknown';
}
