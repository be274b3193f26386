import { z } from 'zod';
import type { ImageReference } from '../core/image-reference.ts';
import { type ActionRequest, actionNames, type Caller } from '../core/operation.ts';
import type { Target } from '../core/target.ts';
import type { Access } from './access.ts';
import {
  backupFields,
  backupRequestOf,
  cleanNodeFields,
  cleanNodeRequestOf,
  cleanServiceFields,
  cleanServiceRequest,
  restoreFields,
  restoreRequestOf,
  updateFields,
  updateRequestOf,
} from './actions.ts';
import { deliveryFields } from './explain-delivery.ts';
import { readFields } from './read-fields.ts';

/** What is asked about: what the action's own route would make of its fields. */
export interface Question {
  readonly request: ActionRequest;
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly delivery?: z.output<typeof deliveryFields> | undefined;
  readonly token?: string | undefined;
  readonly image?: ImageReference | undefined;
  findTarget(access: Access, caller: Caller): Promise<Target>;
}

const others = {
  claims: z.record(z.string(), z.unknown(), { error: 'must be an object' }).optional(),
  delivery: deliveryFields.optional(),
};
const oneOfActions = { error: `must be one of ${actionNames.join(', ')}` };
const updateBody = notBoth(
  z.strictObject({ ...updateFields, ...others, action: z.literal('update', oneOfActions) }),
);
const cleanServiceBody = notBoth(
  z.strictObject({ ...cleanServiceFields, ...others, action: z.literal('clean') }),
);
const cleanNodeBody = notBoth(z.strictObject({ ...cleanNodeFields, ...others, action: z.literal('clean') }));
const backupBody = notBoth(z.strictObject({ ...backupFields, ...others, action: z.literal('backup') }));
const restoreBody = notBoth(z.strictObject({ ...restoreFields, ...others, action: z.literal('restore') }));

function notBoth<B extends { claims?: unknown; delivery?: unknown }>(schema: z.ZodType<B>): z.ZodType<B> {
  return schema.refine(body => body.claims === undefined || body.delivery === undefined, {
    path: ['delivery'],
    error: 'can not be given together with claims',
  });
}

/** @throws RequestError `malformed` */
export function readQuestion(input: unknown): Question {
  const { action, nodeName }: Readonly<Record<string, unknown>> = Object(input);
  switch (action) {
    case 'clean': {
      if (nodeName === undefined) {
        return ofService(readFields(cleanServiceBody, input), cleanServiceRequest);
      }
      const body = readFields(cleanNodeBody, input);
      return {
        ...body,
        request: cleanNodeRequestOf(body),
        findTarget: (access, caller) => access.findNodeTarget(caller, body.nodeName),
      };
    }
    case 'backup': {
      const body = readFields(backupBody, input);
      return ofService(body, backupRequestOf(body));
    }
    case 'restore': {
      const body = readFields(restoreBody, input);
      return ofService(body, restoreRequestOf(body));
    }
    default: {
      const body = readFields(updateBody, input);
      return ofService(body, updateRequestOf(body));
    }
  }
}

function ofService(
  body: Pick<Question, 'claims' | 'delivery' | 'token' | 'image'> & { readonly serviceName: string },
  request: ActionRequest,
): Question {
  const findTarget: Question['findTarget'] = (access, caller) => access.findTarget(caller, body.serviceName);
  return { ...body, request, findTarget };
}
