import type { Request, Response } from 'express';
import { ProviderError, type TokenVerifier } from '../../providers/provider.ts';
import { authorize, type DenyReason, type Finding, visibilityOf } from '../core/authorize.ts';
import { type ActionRequest, type Caller, summarizeCaller } from '../core/operation.ts';
import type { Target } from '../core/target.ts';
import { requestForDelivery } from '../core/webhook-request.ts';
import { type Access, tellableFindings } from './access.ts';
import { cleanNodeRequestOf } from './actions.ts';
import type { Authenticate } from './authenticate.ts';
import { deliveryOf } from './explain-delivery.ts';
import { type Question, readQuestion } from './explain-question.ts';
import { readJson } from './read-json.ts';
import { sendJson } from './send-json.ts';

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
  fields: NonNullable<Question['delivery']>,
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
