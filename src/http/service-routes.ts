import type { Request, Response } from 'express';
import { z } from 'zod';
import { RequestError } from '../core/errors.ts';
import { actionNames, type Caller } from '../core/operation.ts';
import type { Swarm } from '../engine/swarm.ts';
import type { Access, ReadableService } from './access.ts';
import type { Authenticate } from './authenticate.ts';
import { readFields } from './read-fields.ts';
import { sendJson } from './send-json.ts';

const listQuery = z.strictObject({
  label: z
    .string({ error: 'must be given once' })
    .min(1, { error: 'must be key or key=value' })
    .max(512, { error: 'is too long' })
    .optional(),
});
/** Whoever can ask "is it this value?" can guess it, so nobody filters by what may be a secret. */
const SECRET_KEY = /(?:token|pass|passwd|password|secret|key|users|credentials?)$/i;
/** What those who are no admin may filter by. Labels of others may hold anything. */
const OPEN_KEY = /^(?:swarm-utils\.|com\.docker\.stack\.)/;

/** `GET /api/services`, `/api/services/:name` */
export function createServiceRoutes(options: {
  readonly access: Access;
  readonly authenticate: Authenticate;
  readonly swarm: Swarm;
}) {
  const { access, authenticate, swarm } = options;
  return {
    list: async (request: Request, response: Response): Promise<void> => {
      const { label } = readFields(listQuery, request.query);
      const { caller } = await authenticate(request);
      if (label !== undefined) {
        checkFilter(caller, label);
      }
      const services = await access.readableServices(caller, label);
      sendJson(response, 200, { services: services.map(present) });
    },
    one: async (request: Request, response: Response): Promise<void> => {
      const { caller } = await authenticate(request);
      const found = await access.readableService(caller, () =>
        swarm.findService(String(request.params.name)),
      );
      if (found === undefined) {
        throw await access.refuse(caller);
      }
      sendJson(response, 200, present(found));
    },
  };
}

function checkFilter(caller: Caller, label: string): void {
  const [key = ''] = label.split('=', 1);
  if (SECRET_KEY.test(key) || (caller.kind !== 'admin' && !OPEN_KEY.test(key))) {
    throw new RequestError('malformed', 'The request has wrong fields.', {
      details: ['label: services can not be looked up by this label'],
    });
  }
}

/** A service as the API shows it: of its labels only what is enabled and what is wrong. */
function present({ service, target }: ReadableService) {
  return {
    id: service.id,
    name: service.name,
    image: service.image,
    mode: service.mode,
    ...(service.replicas !== undefined && { replicas: service.replicas }),
    ...(service.update !== undefined && { updateStatus: service.update }),
    actions: actionNames.filter(action => target.labels[action].isEnabled),
    faults: target.labels.faults,
  };
}
