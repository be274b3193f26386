import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import { z } from 'zod';
import { authorize, type Decision, visibilityOf } from '../core/authorize.ts';
import { RequestError } from '../core/errors.ts';
import type { Caller, UpdateRequest } from '../core/operation.ts';
import type { Operations } from '../engine/operations.ts';
import { type Access, codeOfOpenDenial, logDenial } from './access.ts';
import type { Authenticate } from './authenticate.ts';
import { streamOperation } from './event-stream.ts';
import { sendOperation, wantsEvents } from './operation-answer.ts';
import { booleanField, imageField, readFields, serviceNameField, tokenField } from './read-fields.ts';
import { readJson } from './read-json.ts';
import { sendJson } from './send-json.ts';
import { fingerprintOf, type StartOnce } from './start-once.ts';

/** The body of an update; the seed's fields are all here. */
export const updateFields = {
  serviceName: serviceNameField,
  image: imageField.optional(),
  isForce: booleanField.default(false),
  waitRes: booleanField.default(true),
  token: tokenField.optional(),
};
const updateBody = z.strictObject(updateFields);

/** `POST /api/update/service` */
export function createUpdateService(options: {
  readonly access: Access;
  readonly authenticate: Authenticate;
  readonly startOnce: StartOnce;
  readonly operations: Operations;
  readonly lockRetryAfterSeconds: number;
  readonly heartbeatMs: number;
  readonly log: Logger;
}): (request: Request, response: Response) => Promise<void> {
  const { access, authenticate, startOnce, operations, heartbeatMs } = options;
  return async (request, response) => {
    const body = readFields(updateBody, readJson(request.body));
    const { caller, token } = await authenticate(request, body);
    const update = updateRequestOf(body);
    const target = await access.findTarget(caller, body.serviceName);
    const decision = authorize(caller, update, target);
    if (!decision.allowed) {
      const error = await denialError(access, caller, decision);
      // A token that is nobody's gets its line where credentials are refused.
      if (error.code !== 'unauthorized') {
        logDenial(options.log, caller, target, decision);
      }
      throw error;
    }
    const binding = token && { ...token, fingerprint: fingerprintOf(update, target.id) };
    const [operation] = startOnce.start(binding, () => [operations.start(decision.labelToken)]);
    if (operation === undefined) {
      throw new RequestError('token_reused', 'This token was used before, and its operation is forgotten.');
    }
    if (!body.waitRes) {
      response.location(`/api/operations/${operation.id}`);
      sendJson(response, 202, operation);
      return;
    }
    if (
      wantsEvents(request) &&
      streamOperation(request, response, { operations, id: operation.id, heartbeatMs })
    ) {
      return;
    }
    sendOperation(response, await operations.finished(operation.id), options.lockRetryAfterSeconds);
  };
}

/** What the fields of a body ask for. */
export function updateRequestOf(body: Pick<z.output<typeof updateBody>, 'image' | 'isForce'>): UpdateRequest {
  return {
    action: 'update',
    isForce: body.isForce,
    ...(body.image !== undefined && { image: body.image }),
  };
}

async function denialError(
  access: Access,
  caller: Caller,
  denial: Decision & { readonly allowed: false },
): Promise<RequestError> {
  if (visibilityOf(denial.reason) !== 'open') {
    return access.refuse(caller);
  }
  return new RequestError(codeOfOpenDenial(denial.reason), 'The service does not allow this request.', {
    details: denial.findings.map(({ message }) => message),
  });
}
