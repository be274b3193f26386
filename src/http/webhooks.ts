import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import type { Delivery, WebhookVerifier } from '../../providers/provider.ts';
import { authorize, type LabelToken, visibilityOf } from '../core/authorize.ts';
import { RequestError } from '../core/errors.ts';
import { labelPrefix } from '../core/labels.ts';
import type { ActionRequest, Caller, Operation } from '../core/operation.ts';
import { type ServiceTarget, serviceTarget } from '../core/target.ts';
import { imageForDelivery } from '../core/webhook-image.ts';
import type { Operations } from '../engine/operations.ts';
import type { Swarm } from '../engine/swarm.ts';
import { logDenial } from './access.ts';
import { askTogether } from './ask-together.ts';
import { firstValues } from './headers.ts';
import { sendJson } from './send-json.ts';
import type { StartOnce } from './start-once.ts';

/**
 * A signature names no time, so it stays good for as long as its secret. What has started something is remembered
 * longer than any secret should live.
 */
const DELIVERY_MEMORY_MS = 10 * 365 * 24 * 60 * 60 * 1000;

/** `POST /webhooks/<provider>`. The answer never waits for what was started. */
export function createWebhookReceiver(options: {
  readonly verifier: WebhookVerifier;
  readonly swarm: Swarm;
  readonly operations: Operations;
  readonly startOnce: StartOnce;
  readonly log: Logger;
  now(): Date;
  readonly deadlineMs: number;
}) {
  const { verifier, swarm, operations, startOnce, log } = options;

  /** The services that want webhooks of a provider, read once for all deliveries that come at the same time. */
  const askers = new Map<string, () => Promise<readonly ServiceTarget[]>>();
  function listTargets(provider: string): Promise<readonly ServiceTarget[]> {
    let ask = askers.get(provider);
    if (ask === undefined) {
      const filter = `${labelPrefix}update.${provider}.on`;
      ask = askTogether(async () => (await swarm.listServices(filter)).map(serviceTarget));
      askers.set(provider, ask);
    }
    return ask();
  }

  /** Decides for each service that wants webhooks of this provider. */
  function allowedBy(delivery: Delivery, targets: readonly ServiceTarget[]): readonly LabelToken[] {
    const caller: Caller = { kind: 'delivery', delivery };
    return targets.flatMap(target => {
      const image = imageForDelivery(delivery, target.labels);
      const request: ActionRequest = {
        action: 'update',
        isForce: false,
        ...('image' in image && image.image !== undefined && { image: image.image }),
      };
      const decision = authorize(caller, request, target);
      if (decision.allowed && !('fault' in image)) {
        return [decision.labelToken];
      }
      // A service that names another repository is of no interest, and there may be hundreds of them.
      if (decision.allowed) {
        const message = 'fault' in image ? image.fault : '';
        logDenial(log, caller, target, {
          reason: 'image_unknown',
          findings: [{ reason: 'label_fault', message }],
        });
      } else if (visibilityOf(decision.reason) !== 'hidden') {
        logDenial(log, caller, target, decision);
      }
      return [];
    });
  }

  /** @returns undefined when no service asks for it */
  async function handle(
    delivery: Delivery,
    timeLeftMs: () => number,
  ): Promise<readonly Operation[] | undefined> {
    const binding = {
      replayKey: delivery.replayKey,
      fingerprint: 'delivery',
      expiresAt: new Date(options.now().getTime() + DELIVERY_MEMORY_MS),
    };
    const known = startOnce.find(binding);
    if (known !== undefined) {
      return known;
    }
    const targets = await before(timeLeftMs(), listTargets(delivery.identity.provider));
    const allowed = allowedBy(delivery, targets);
    return allowed.length === 0
      ? undefined
      : startOnce.start(binding, () => allowed.map(token => operations.start(token, { isPatient: true })));
  }

  return async (request: Request, response: Response): Promise<void> => {
    const deadline = receivedAt(response) + options.deadlineMs;
    const timeLeftMs = () => deadline - options.now().getTime();
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const verified = await before(
      timeLeftMs(),
      verifier.verifyWebhook({ headers: firstValues(request), body }),
    );
    if (verified.kind === 'ignored') {
      sendJson(response, 200, { operations: [], ignored: verified.reason });
      return;
    }
    const started = await handle(verified, timeLeftMs);
    if (started?.length === 0) {
      // Its operations are older than the history.
      sendJson(response, 200, { operations: [], ignored: 'This delivery was handled before.' });
      return;
    }
    if (started === undefined) {
      const { event, identity } = verified;
      sendJson(response, 200, {
        operations: [],
        ignored: `No service asks for ${event} of ${identity.repository}.`,
      });
      return;
    }
    const operationsStarted = started.map(({ id, action, target }) => ({
      id,
      action,
      serviceName: target.name,
    }));
    sendJson(response, 202, { operations: operationsStarted });
  };
}

/** When the request's header was there, milliseconds since the epoch: the platform's patience began before its body. */
function receivedAt(response: Response): number {
  return (response.locals.receivedAt as Date).getTime();
}

/** @throws RequestError `swarm_unavailable` when it takes longer; what comes later is not used */
async function before<T>(timeLeftMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    const late = () => reject(new RequestError('swarm_unavailable', 'The deadline of a webhook has passed.'));
    timer = setTimeout(late, Math.max(0, timeLeftMs));
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
