import type { Request, Response } from 'express';
import { z } from 'zod';
import { ProviderError, type TokenVerifier } from '../../providers/provider.ts';
import { authorize, type DenyReason, type Finding, visibilityOf } from '../core/authorize.ts';
import { type ActionRequest, type Caller, summarizeCaller } from '../core/operation.ts';
import type { ServiceTarget } from '../core/target.ts';
import { imageForDelivery } from '../core/webhook-image.ts';
import { type Access, tellableFindings } from './access.ts';
import type { Authenticate } from './authenticate.ts';
import { deliveryFields, deliveryOf } from './explain-delivery.ts';
import { readFields } from './read-fields.ts';
import { readJson } from './read-json.ts';
import { sendJson } from './send-json.ts';
import { updateFields, updateRequestOf } from './update-service.ts';

const explainBody = z
  .strictObject({
    ...updateFields,
    action: z.literal('update', { error: 'must be update' }),
    claims: z.record(z.string(), z.unknown(), { error: 'must be an object' }).optional(),
    delivery: deliveryFields.optional(),
  })
  .refine(body => body.claims === undefined || body.delivery === undefined, {
    path: ['delivery'],
    error: 'can not be given together with claims',
  });
type ExplainBody = z.output<typeof explainBody>;

/** A decision, and what speaks against. */
interface Explanation {
  readonly caller?: Caller;
  readonly reason?: string;
  readonly findings: readonly { readonly reason: string; readonly message: string }[];
}

/**
 * `POST /api/explain`: may this caller, or for admins: may whoever has these claims or sends this delivery? Nothing
 * runs and no token is used up.
 */
export function createExplain(options: {
  readonly access: Access;
  readonly authenticate: Authenticate;
  readonly tokens: TokenVerifier | undefined;
}): (request: Request, response: Response) => Promise<void> {
  const { access, authenticate, tokens } = options;
  return async (request, response) => {
    const body = readFields(explainBody, readJson(request.body));
    const { caller } = await authenticate(request, body);
    if ((body.claims !== undefined || body.delivery !== undefined) && caller.kind !== 'admin') {
      throw await access.refuse(caller);
    }
    const target = await access.findTarget(caller, body.serviceName);
    const explanation = explain(body, caller, target, tokens);
    if (explanation === 'hidden') {
      throw await access.refuse(caller);
    }
    sendJson(response, 200, {
      allowed: explanation.reason === undefined,
      action: body.action,
      serviceName: target.name,
      ...(explanation.caller !== undefined && { caller: summarizeCaller(explanation.caller) }),
      ...(explanation.reason !== undefined && { reason: explanation.reason }),
      findings: explanation.findings,
    });
  };
}

function explain(
  body: ExplainBody,
  caller: Caller,
  target: ServiceTarget,
  tokens: TokenVerifier | undefined,
): Explanation | 'hidden' {
  if (body.claims !== undefined) {
    return explainClaims(body.claims, updateRequestOf(body), target, tokens);
  }
  if (body.delivery !== undefined) {
    return explainDelivery(body.delivery, target);
  }
  const explanation = decide(caller, updateRequestOf(body), target);
  if (caller.kind === 'admin' || explanation.reason === undefined) {
    return explanation;
  }
  const findings = tellableFindings(explanation.findings);
  return visibilityOf(explanation.reason) === 'hidden' ? 'hidden' : { ...explanation, findings };
}

function decide(
  caller: Caller,
  request: ActionRequest,
  target: ServiceTarget,
): Explanation & { readonly reason?: DenyReason; readonly findings: readonly Finding[] } {
  const decision = authorize(caller, request, target);
  return decision.allowed
    ? { caller, findings: [] }
    : { caller, reason: decision.reason, findings: decision.findings };
}

function explainClaims(
  claims: Readonly<Record<string, unknown>>,
  request: ActionRequest,
  target: ServiceTarget,
  tokens: TokenVerifier | undefined,
): Explanation {
  if (tokens === undefined) {
    return unidentified('No provider’s OIDC is configured.');
  }
  try {
    return decide({ kind: 'workload', identities: tokens.identifyClaims(claims) }, request, target);
  } catch (error) {
    if (!(error instanceof ProviderError)) {
      throw error;
    }
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return unidentified(`${error.message}${cause}`);
  }
}

function unidentified(message: string): Explanation {
  const reason = 'unidentified';
  return { reason, findings: [{ reason, message }] };
}

function explainDelivery(fields: z.output<typeof deliveryFields>, target: ServiceTarget): Explanation {
  const delivery = deliveryOf(fields);
  const caller: Caller = { kind: 'delivery', delivery };
  const image = imageForDelivery(delivery, target.labels.update.image);
  if ('fault' in image) {
    const explanation = decide(caller, { action: 'update', isForce: false }, target);
    const finding = { reason: 'image_unknown', message: image.fault };
    return {
      caller,
      reason: explanation.reason ?? finding.reason,
      findings: [...explanation.findings, finding],
    };
  }
  return decide(caller, { action: 'update', isForce: false, ...image }, target);
}
