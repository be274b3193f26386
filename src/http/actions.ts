import { z } from 'zod';
import type { CleanNodeRequest, CleanServiceRequest, UpdateRequest } from '../core/operation.ts';
import { type ActionRoute, commonFields } from './action-route.ts';
import { booleanField, imageField, nodeNameField, serviceNameField } from './read-fields.ts';

export const updateFields = {
  serviceName: serviceNameField,
  image: imageField.optional(),
  isForce: booleanField.default(false),
  ...commonFields,
};
const updateBody = z.strictObject(updateFields);
type UpdateBody = z.output<typeof updateBody>;

export const cleanServiceFields = { serviceName: serviceNameField, ...commonFields };
const cleanServiceBody = z.strictObject(cleanServiceFields);

export const cleanNodeFields = {
  nodeName: nodeNameField,
  dryRun: booleanField.default(false),
  ...commonFields,
};
const cleanNodeBody = z.strictObject(cleanNodeFields);
type CleanNodeBody = z.output<typeof cleanNodeBody>;

/** `POST /api/update/service` */
export const updateService: ActionRoute<UpdateBody> = {
  body: updateBody,
  requestOf: updateRequestOf,
  findTarget: (access, caller, { serviceName }) => access.findTarget(caller, serviceName),
};

/** `POST /api/clean/service` */
export const cleanService: ActionRoute<z.output<typeof cleanServiceBody>> = {
  body: cleanServiceBody,
  requestOf: () => cleanServiceRequest,
  findTarget: (access, caller, { serviceName }) => access.findTarget(caller, serviceName),
};

/** `POST /api/clean/node` */
export const cleanNode: ActionRoute<CleanNodeBody> = {
  body: cleanNodeBody,
  requestOf: cleanNodeRequestOf,
  findTarget: (access, caller, { nodeName }) => access.findNodeTarget(caller, nodeName),
};

/** What the fields of a body ask for. */
export function updateRequestOf(body: Pick<UpdateBody, 'image' | 'isForce'>): UpdateRequest {
  return {
    action: 'update',
    isForce: body.isForce,
    ...(body.image !== undefined && { image: body.image }),
  };
}

export const cleanServiceRequest: CleanServiceRequest = { action: 'clean', targetKind: 'service' };

/** What the fields of a body ask for. */
export function cleanNodeRequestOf({ dryRun }: Pick<CleanNodeBody, 'dryRun'>): CleanNodeRequest {
  return { action: 'clean', targetKind: 'node', isDryRun: dryRun };
}
