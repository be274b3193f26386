import type { Request, Response } from 'express';
import { actionNames } from '../core/operation.ts';
import type { Swarm } from '../engine/swarm.ts';
import type { Access, ReadableService } from './access.ts';
import type { Authenticate } from './authenticate.ts';
import { checkFilter, labelQuery } from './label-filter.ts';
import { readFields } from './read-fields.ts';
import { sendJson } from './send-json.ts';

/** `GET /api/services`, `/api/services/:name` */
export function createServiceRoutes(options: {
  readonly access: Access;
  readonly authenticate: Authenticate;
  readonly swarm: Swarm;
}) {
  const { access, authenticate, swarm } = options;
  return {
    list: async (request: Request, response: Response): Promise<void> => {
      const { label } = readFields(labelQuery, request.query);
      const { caller } = await authenticate(request);
      if (label !== undefined) {
        checkFilter(caller, label, 'services');
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
