import type { Request, Response } from 'express';
import { z } from 'zod';
import { authorize, type Decision, visibilityOf } from '../core/authorize.ts';
import type { BackupSummary } from '../core/backup.ts';
import { RequestError } from '../core/errors.ts';
import type { Caller } from '../core/operation.ts';
import type { ServiceTarget } from '../core/target.ts';
import { type ActionRouteOptions, denialError } from './action-route.ts';
import type { HttpOptions } from './options.ts';
import { readFields, serviceNameField } from './read-fields.ts';
import { sendJson } from './send-json.ts';

/** Each is a helper service in the swarm. */
const MAX_LISTS_AT_ONCE = 8;

const listQuery = z.strictObject({ serviceName: serviceNameField });

/** `GET /api/backups`, for who may back up or restore the service */
export function createBackupRoutes(
  options: Pick<ActionRouteOptions, 'access' | 'authenticate' | 'log'> & Pick<HttpOptions, 'listBackups'>,
) {
  const { access, authenticate } = options;
  const listOnce = shareRunning(options.listBackups);
  return {
    list: async (request: Request, response: Response): Promise<void> => {
      const { serviceName } = readFields(listQuery, request.query);
      const { caller } = await authenticate(request);
      const target = await access.findTarget(caller, serviceName);
      const denial = denialOf(caller, target);
      if (denial !== undefined) {
        throw await denialError(options, caller, target, denial);
      }
      sendJson(response, 200, { serviceName: target.name, backups: await listOnce(target) });
    },
  };
}

/** Nothing for who may do one of the two. */
function denialOf(
  caller: Caller,
  target: ServiceTarget,
): (Decision & { readonly allowed: false }) | undefined {
  const restore = authorize(caller, { action: 'restore', isDrill: true }, target);
  const backup = authorize(caller, { action: 'backup' }, target);
  if (restore.allowed || backup.allowed) {
    return undefined;
  }
  return visibilityOf(backup.reason) === 'open' ? backup : restore;
}

/** Whoever asks for a service whose list is being made gets that list. */
function shareRunning(
  list: HttpOptions['listBackups'],
): (target: ServiceTarget) => Promise<readonly BackupSummary[]> {
  const running = new Map<string, Promise<readonly BackupSummary[]>>();
  return target => {
    const known = running.get(target.id);
    if (known !== undefined) {
      return known;
    }
    if (running.size >= MAX_LISTS_AT_ONCE) {
      throw new RequestError('overloaded', 'Backups of too many services are being listed. Try again.');
    }
    const listing = list(target).finally(() => running.delete(target.id));
    running.set(target.id, listing);
    return listing;
  };
}
