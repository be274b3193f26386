import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Delivery, WebhookVerifier } from '../../providers/provider.ts';
import { authorize, type LabelToken, visibilityOf } from '../core/authorize.ts';
import type { Caller, Operation } from '../core/operation.ts';
import { requestForDelivery } from '../core/webhook-request.ts';
import type { Operations } from '../engine/operations.ts';
import { logDenial } from './access.ts';
import { createDeadline, type Deadline } from './deadline.ts';
import type { AnswerError } from './error-handler.ts';
import { readHeaders } from './headers.ts';
import type { BodyReader } from './read-body.ts';
import { sendJson } from './send-json.ts';
import type { StartOnce } from './start-once.ts';
import type { WebhookTarget, WebhookTargets } from './webhook-targets.ts';

/**
 * A signature names no time, so it stays good for as long as its secret. What has started something is remembered
 * longer than any secret should live.
 */
const DELIVERY_MEMORY_MS = 10 * 365 * 24 * 60 * 60 * 1000;

/** Answers one webhook, whatever comes of it. */
export type WebhookReceiver = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * `POST /webhooks/<provider>`, from the header to the answer, which never waits for what was started. It needs nothing
 * of Express.
 */
export function createWebhookReceiver(options: {
  /** For the log. */
  readonly route: string;
  readonly verifier: WebhookVerifier;
  readonly readBody: BodyReader;
  readonly targets: WebhookTargets;
  readonly operations: Operations;
  readonly startOnce: StartOnce;
  readonly answerError: AnswerError;
  readonly log: Logger;
  now(): Date;
  readonly deadlineMs: number;
}): WebhookReceiver {
  const { verifier, operations, startOnce, log } = options;

  /** Decides for each service, and each action that it wants webhooks of this provider for. */
  function allowedBy(delivery: Delivery, targets: readonly WebhookTarget[]): readonly LabelToken[] {
    const caller: Caller = { kind: 'delivery', delivery };
    return targets.flatMap(({ action, target }) => {
      const { request, fault } = requestForDelivery(action, delivery, target);
      const decision = authorize(caller, request, target);
      if (decision.allowed && fault === undefined) {
        return [decision.labelToken];
      }
      // A service that names another repository is of no interest, and there may be hundreds of them.
      if (decision.allowed) {
        logDenial(log, caller, target, {
          reason: 'image_unknown',
          findings: [{ reason: 'label_fault', message: fault ?? '' }],
        });
      } else if (visibilityOf(decision.reason) !== 'hidden') {
        logDenial(log, caller, target, decision);
      }
      return [];
    });
  }

  /** @returns undefined when no service asks for it */
  async function start(delivery: Delivery, deadline: Deadline): Promise<readonly Operation[] | undefined> {
    const binding = {
      replayKey: delivery.replayKey,
      fingerprint: 'delivery',
      expiresAt: new Date(options.now().getTime() + DELIVERY_MEMORY_MS),
    };
    const known = startOnce.find(binding);
    if (known !== undefined) {
      return known;
    }
    const allowed = allowedBy(delivery, await deadline.before(options.targets(delivery.identity.provider)));
    return allowed.length === 0
      ? undefined
      : startOnce.start(binding, () => operations.startAll(allowed, { isPatient: true }));
  }

  async function receive(
    request: IncomingMessage,
    response: ServerResponse,
    deadline: Deadline,
  ): Promise<void> {
    const headers = readHeaders(request);
    const body = await options.readBody(request, response, verifier.maxBodyBytes);
    const verified = await deadline.before(verifier.verifyWebhook({ headers, body }));
    const ignore = (reason: string) => sendJson(response, 200, { operations: [], ignored: reason });
    if (verified.kind === 'ignored') {
      ignore(verified.reason);
      return;
    }
    const started = await start(verified, deadline);
    if (started === undefined) {
      const { event, identity } = verified;
      ignore(
        `No service takes ${event} of ${identity.repository}; where one nearly does, the log says what is missing.`,
      );
    } else if (started.length === 0) {
      // Its operations are older than the history.
      ignore('This delivery was handled before.');
    } else {
      sendJson(response, 202, {
        operations: started.map(({ id, action, target }) => ({ id, action, serviceName: target.name })),
      });
    }
  }

  return async (request, response) => {
    // The platform's patience began before its body.
    const deadline = createDeadline(options.deadlineMs);
    try {
      await receive(request, response, deadline);
    } catch (error) {
      await options.answerError(error, request, response, options.route);
    } finally {
      deadline.end();
    }
  };
}
