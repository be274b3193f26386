import { z } from 'zod';
import type {
  BackupRequest,
  Caller,
  CleanNodeRequest,
  CleanServiceRequest,
  RestoreRequest,
  UpdateRequest,
} from '../core/operation.ts';
import type { Access } from './access.ts';
import { type ActionRoute, commonFields } from './action-route.ts';
import {
  backupField,
  booleanField,
  imageField,
  nodeNameField,
  serviceNameField,
  volumeField,
} from './read-fields.ts';

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

export const backupFields = {
  serviceName: serviceNameField,
  force: booleanField.default(false),
  ...commonFields,
};
const backupBody = z.strictObject(backupFields);
type BackupBody = z.output<typeof backupBody>;

export const restoreFields = {
  serviceName: serviceNameField,
  volume: volumeField.optional(),
  backup: backupField.optional(),
  nodeName: nodeNameField.optional(),
  drill: booleanField.default(false),
  force: booleanField.default(false),
  ...commonFields,
};
const restoreBody = z.strictObject(restoreFields);
type RestoreBody = z.output<typeof restoreBody>;

function findService(access: Access, caller: Caller, { serviceName }: { readonly serviceName: string }) {
  return access.findTarget(caller, serviceName);
}

/** `POST /api/update/service` */
export const updateService: ActionRoute<UpdateBody> = {
  body: updateBody,
  requestOf: updateRequestOf,
  findTarget: findService,
};

/** `POST /api/clean/service` */
export const cleanService: ActionRoute<z.output<typeof cleanServiceBody>> = {
  body: cleanServiceBody,
  requestOf: () => cleanServiceRequest,
  findTarget: findService,
};

/** `POST /api/clean/node` */
export const cleanNode: ActionRoute<CleanNodeBody> = {
  body: cleanNodeBody,
  requestOf: cleanNodeRequestOf,
  findTarget: (access, caller, { nodeName }) => access.findNodeTarget(caller, nodeName),
};

/** `POST /api/backup/service` */
export const backupService: ActionRoute<BackupBody> = {
  body: backupBody,
  requestOf: backupRequestOf,
  findTarget: findService,
};

/** `POST /api/restore/service`, with `drill` in the body or in the query */
export const restoreService: ActionRoute<RestoreBody> = {
  body: restoreBody,
  queryFields: ['drill'],
  requestOf: restoreRequestOf,
  findTarget: findService,
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

/** What the fields of a body ask for. */
export function backupRequestOf({ force }: Pick<BackupBody, 'force'>): BackupRequest {
  return { action: 'backup', ...(force && { isForce: true }) };
}

/** What the fields of a body ask for. */
export function restoreRequestOf(
  body: Pick<RestoreBody, 'volume' | 'backup' | 'nodeName' | 'drill' | 'force'>,
): RestoreRequest {
  const { volume, backup, nodeName, drill, force } = body;
  return {
    action: 'restore',
    isDrill: drill,
    ...(volume !== undefined && { volume }),
    ...(backup !== undefined && { backup }),
    ...(nodeName !== undefined && { nodeName }),
    ...(force && { isForce: true }),
  };
}
