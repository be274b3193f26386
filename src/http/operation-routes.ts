import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Caller, Operation } from '../core/operation.ts';
import type { Operations } from '../engine/operations.ts';
import type { Swarm } from '../engine/swarm.ts';
import type { Access } from './access.ts';
import type { Authenticate } from './authenticate.ts';
import { streamOperation } from './event-stream.ts';
import { withoutLogs } from './operation-answer.ts';
import { countField, nodeNameField, readFields, serviceNameField } from './read-fields.ts';
import { sendJson } from './send-json.ts';

const listQuery = z
  .strictObject({
    limit: countField(200, 50),
    serviceName: serviceNameField.optional(),
    nodeName: nodeNameField.optional(),
  })
  .refine(query => query.serviceName === undefined || query.nodeName === undefined, {
    path: ['nodeName'],
    error: 'can not be given together with serviceName',
  });

/** `GET /api/operations`, `/api/operations/:id`, `/api/operations/:id/events` */
export function createOperationRoutes(options: {
  readonly access: Access;
  readonly authenticate: Authenticate;
  readonly operations: Operations;
  readonly swarm: Swarm;
  readonly heartbeatMs: number;
}) {
  const { access, authenticate, operations, swarm, heartbeatMs } = options;

  /** An operation is read by who may read its target now; that of a target that is gone by admins. */
  async function findReadable(caller: Caller, id: string): Promise<Operation> {
    const operation = operations.get(id);
    if (operation === undefined || !(await access.mayReadTarget(caller, operation.target))) {
      throw await access.refuse(caller);
    }
    return operation;
  }

  async function listReadable(caller: Caller, limit: number): Promise<readonly Operation[]> {
    if (caller.kind === 'admin') {
      return operations.list({ limit });
    }
    const nodes = await access.readableNodes(caller);
    const services = await access.readableServices(caller);
    return [...services, ...nodes]
      .flatMap(({ target }) => operations.list({ limit, targetId: target.id }))
      .sort((a, b) => b.createdAt.localeCompare(a.createdAt))
      .slice(0, limit);
  }

  return {
    list: async (request: Request, response: Response): Promise<void> => {
      const { limit, serviceName, nodeName } = readFields(listQuery, request.query);
      const { caller } = await authenticate(request);
      const send = (listed: readonly Operation[]) =>
        sendJson(response, 200, { operations: listed.map(withoutLogs) });
      if (nodeName !== undefined) {
        const target = await access.findNodeTarget(caller, nodeName);
        if (!(await access.mayReadTarget(caller, target))) {
          throw await access.refuse(caller);
        }
        send(operations.list({ limit, targetId: target.id }));
        return;
      }
      if (serviceName === undefined) {
        send(await listReadable(caller, limit));
        return;
      }
      const found = await access.readableService(caller, () => swarm.findService(serviceName));
      if (found === undefined) {
        throw await access.refuse(caller);
      }
      send(operations.list({ limit, targetId: found.target.id }));
    },
    one: async (request: Request, response: Response): Promise<void> => {
      const { caller } = await authenticate(request);
      sendJson(response, 200, await findReadable(caller, String(request.params.id)));
    },
    events: async (request: Request, response: Response): Promise<void> => {
      const { caller } = await authenticate(request);
      const { id } = await findReadable(caller, String(request.params.id));
      if (!streamOperation(request, response, { operations, id, heartbeatMs })) {
        throw await access.refuse(caller);
      }
    },
  };
}
