import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { authorize, type Decision, visibilityOf } from '../core/authorize.ts';
import { RequestError } from '../core/errors.ts';
import type { ImageReference } from '../core/image-reference.ts';
import type { ActionRequest, Caller, Operation } from '../core/operation.ts';
import type { Target } from '../core/target.ts';
import type { Operations } from '../engine/operations.ts';
import { type Access, codeOfOpenDenial, logDenial } from './access.ts';
import type { Authenticate } from './authenticate.ts';
import { streamOperation } from './event-stream.ts';
import { sendOperation, wantsEvents } from './operation-answer.ts';
import { booleanField, readFields, tokenField } from './read-fields.ts';
import { readJson } from './read-json.ts';
import { sendJson } from './send-json.ts';
import { fingerprintOf, type StartOnce } from './start-once.ts';

/** The fields that the body of every action has, as the seed has them. */
export const commonFields = {
  waitRes: booleanField.default(true),
  token: tokenField.optional(),
};

/** The fields that matter to every action. */
interface CommonBody {
  readonly waitRes: boolean;
  readonly token?: string | undefined;
  readonly image?: ImageReference | undefined;
}

/** What is an action's own about its route. */
export interface ActionRoute<B extends CommonBody> {
  readonly body: z.ZodType<B>;
  /** Fields that the query can have in place of the body. Absent: the query is passed over. */
  readonly queryFields?: readonly string[];
  requestOf(body: B): ActionRequest;
  findTarget(access: Access, caller: Caller, body: B): Promise<Target>;
}

export interface ActionRouteOptions {
  readonly access: Access;
  readonly authenticate: Authenticate;
  readonly startOnce: StartOnce;
  readonly operations: Operations;
  readonly lockRetryAfterSeconds: number;
  readonly heartbeatMs: number;
  readonly log: Logger;
}

/** `POST /api/<action>/<kind of target>`: decides, starts, and answers with the verdict, the id or the events. */
export function createActionRoute<B extends CommonBody>(
  options: ActionRouteOptions,
  route: ActionRoute<B>,
): (request: Request, response: Response) => Promise<void> {
  const { access, authenticate } = options;
  return async (request, response) => {
    const body = readFields(route.body, readInput(request, route.queryFields));
    const { caller, token } = await authenticate(request, body);
    const action = route.requestOf(body);
    const target = await route.findTarget(access, caller, body);
    const decision = authorize(caller, action, target);
    if (!decision.allowed) {
      throw await denialError(options, caller, target, decision);
    }
    const binding = token && { ...token, fingerprint: fingerprintOf(action, target.id) };
    const begin = () => [options.operations.start(decision.labelToken)];
    const [operation] = options.startOnce.start(binding, begin);
    if (operation === undefined) {
      throw new RequestError('token_reused', 'This token was used before, and its operation is forgotten.');
    }
    await answer(options, request, response, operation, body.waitRes);
  };
}

/**
 * The fields of the body and, where some may stand there, of the query.
 * @throws RequestError `malformed`: also for what is in both, since nobody can say which one counts
 */
function readInput(request: Request, queryFields: readonly string[] | undefined): unknown {
  const body = readJson(request.body);
  const query = Object.entries(queryFields === undefined ? {} : request.query);
  if (query.length === 0 || typeof body !== 'object' || body === null || Array.isArray(body)) {
    return body;
  }
  const details = query.flatMap(([name]) =>
    !queryFields?.includes(name)
      ? ['The query has an unknown field.']
      : Object.hasOwn(body, name)
        ? [`${name}: is in the query and in the body`]
        : [],
  );
  if (details.length > 0) {
    throw new RequestError('malformed', 'The request has wrong fields.', { details: [...new Set(details)] });
  }
  return { ...body, ...Object.fromEntries(query) };
}

async function answer(
  { operations, heartbeatMs, lockRetryAfterSeconds }: ActionRouteOptions,
  request: Request,
  response: Response,
  operation: Operation,
  isAwaited: boolean,
): Promise<void> {
  const { id } = operation;
  if (!isAwaited) {
    response.location(`/api/operations/${id}`);
    sendJson(response, 202, operation);
    return;
  }
  if (wantsEvents(request) && streamOperation(request, response, { operations, id, heartbeatMs })) {
    return;
  }
  sendOperation(response, await operations.finished(id), lockRetryAfterSeconds);
}

/** What a caller is told who may not: openly where it is theirs, else as if the target did not exist. */
export async function denialError(
  { access, log }: Pick<ActionRouteOptions, 'access' | 'log'>,
  caller: Caller,
  target: Target,
  denial: Decision & { readonly allowed: false },
): Promise<RequestError> {
  const error =
    visibilityOf(denial.reason) === 'open'
      ? new RequestError(codeOfOpenDenial(denial.reason), `The ${target.kind} does not allow this request.`, {
          details: denial.findings.map(({ message }) => message),
        })
      : await access.refuse(caller);
  // A token that is nobody's gets its line where credentials are refused.
  if (error.code !== 'unauthorized') {
    logDenial(log, caller, target, denial);
  }
  return error;
}
