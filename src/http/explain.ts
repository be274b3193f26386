import type { Request, Response } from 'express';
import { z } from 'zod';
import { ProviderError, type TokenVerifier } from '../../providers/provider.ts';
import { authorize, type DenyReason, type Finding, visibilityOf } from '../core/authorize.ts';
import type { ImageReference } from '../core/image-reference.ts';
import { type ActionRequest, type Caller, summarizeCaller } from '../core/operation.ts';
import type { Target } from '../core/target.ts';
import { requestForDelivery } from '../core/webhook-request.ts';
import { type Access, tellableFindings } from './access.ts';
import {
  cleanNodeFields,
  cleanNodeRequestOf,
  cleanServiceFields,
  cleanServiceRequest,
  updateFields,
  updateRequestOf,
} from './actions.ts';
import type { Authenticate } from './authenticate.ts';
import { deliveryFields, deliveryOf } from './explain-delivery.ts';
import { readFields } from './read-fields.ts';
import { readJson } from './read-json.ts';
import { sendJson } from './send-json.ts';

const others = {
  claims: z.record(z.string(), z.unknown(), { error: 'must be an object' }).optional(),
  delivery: deliveryFields.optional(),
};
const clean = z.literal('clean');
const updateBody = notBoth(
  z.strictObject({
    ...updateFields,
    ...others,
    action: z.literal('update', { error: 'must be update or clean' }),
  }),
);
const cleanServiceBody = notBoth(z.strictObject({ ...cleanServiceFields, ...others, action: clean }));
const cleanNodeBody = notBoth(z.strictObject({ ...cleanNodeFields, ...others, action: clean }));

function notBoth<B extends { claims?: unknown; delivery?: unknown }>(schema: z.ZodType<B>): z.ZodType<B> {
  return schema.refine(body => body.claims === undefined || body.delivery === undefined, {
    path: ['delivery'],
    error: 'can not be given together with claims',
  });
}

/** What is asked about: what the action's own route would make of its fields. */
interface Question {
  readonly request: ActionRequest;
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly delivery?: z.output<typeof deliveryFields> | undefined;
  readonly token?: string | undefined;
  readonly image?: ImageReference | undefined;
  findTarget(access: Access, caller: Caller): Promise<Target>;
}

/** @throws RequestError `malformed` */
function readQuestion(input: unknown): Question {
  const fields: Readonly<Record<string, unknown>> = Object(input);
  if (fields.action !== 'clean') {
    const body = readFields(updateBody, input);
    const findTarget: Question['findTarget'] = (access, caller) =>
      access.findTarget(caller, body.serviceName);
    return { ...body, request: updateRequestOf(body), findTarget };
  }
  if (Object.hasOwn(fields, 'nodeName')) {
    const body = readFields(cleanNodeBody, input);
    const findTarget: Question['findTarget'] = (access, caller) =>
      access.findNodeTarget(caller, body.nodeName);
    return { ...body, request: cleanNodeRequestOf(body), findTarget };
  }
  const body = readFields(cleanServiceBody, input);
  const findTarget: Question['findTarget'] = (access, caller) => access.findTarget(caller, body.serviceName);
  return { ...body, request: cleanServiceRequest, findTarget };
}

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
    const question = readQuestion(readJson(request.body));
    const { caller } = await authenticate(request, question);
    if ((question.claims !== undefined || question.delivery !== undefined) && caller.kind !== 'admin') {
      throw await access.refuse(caller);
    }
    const target = await question.findTarget(access, caller);
    const explanation = explain(question, caller, target, tokens);
    if (explanation === 'hidden') {
      throw await access.refuse(caller);
    }
    sendJson(response, 200, {
      allowed: explanation.reason === undefined,
      action: question.request.action,
      [target.kind === 'service' ? 'serviceName' : 'nodeName']: target.name,
      ...(explanation.caller !== undefined && { caller: summarizeCaller(explanation.caller) }),
      ...(explanation.reason !== undefined && { reason: explanation.reason }),
      findings: explanation.findings,
    });
  };
}

function explain(
  { request, claims, delivery }: Question,
  caller: Caller,
  target: Target,
  tokens: TokenVerifier | undefined,
): Explanation | 'hidden' {
  if (claims !== undefined) {
    return explainClaims(claims, request, target, tokens);
  }
  if (delivery !== undefined) {
    return explainDelivery(delivery, request, target);
  }
  const explanation = decide(caller, request, target);
  if (caller.kind === 'admin' || explanation.reason === undefined) {
    return explanation;
  }
  const findings = tellableFindings(explanation.findings);
  return visibilityOf(explanation.reason) === 'hidden' ? 'hidden' : { ...explanation, findings };
}

function decide(
  caller: Caller,
  request: ActionRequest,
  target: Target,
): Explanation & { readonly reason?: DenyReason; readonly findings: readonly Finding[] } {
  const decision = authorize(caller, request, target);
  return decision.allowed
    ? { caller, findings: [] }
    : { caller, reason: decision.reason, findings: decision.findings };
}

function explainClaims(
  claims: Readonly<Record<string, unknown>>,
  request: ActionRequest,
  target: Target,
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

function explainDelivery(
  fields: z.output<typeof deliveryFields>,
  { action }: ActionRequest,
  target: Target,
): Explanation {
  const delivery = deliveryOf(fields);
  const caller: Caller = { kind: 'delivery', delivery };
  if (target.kind === 'node') {
    return decide(caller, cleanNodeRequestOf({ dryRun: false }), target);
  }
  const { request, fault } = requestForDelivery(action, delivery, target);
  const explanation = decide(caller, request, target);
  if (fault === undefined) {
    return explanation;
  }
  const finding = { reason: 'image_unknown', message: fault };
  return {
    caller,
    reason: explanation.reason ?? finding.reason,
    findings: [...explanation.findings, finding],
  };
}
