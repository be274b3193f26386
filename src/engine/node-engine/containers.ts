import { z } from 'zod';
import { helperLabel } from '../../core/label-reader.ts';
import type { ContainerImages, IdleContainer } from '../../core/node-listing.ts';
import type { EngineRequest, Exchange } from './conversation.ts';
import { readJson } from './read-answer.ts';

/** Containers that do not run, with their sizes. Those that are restarting, paused or being removed are left out. */
export const listIdleContainers: EngineRequest = {
  method: 'GET',
  path: `/containers/json?all=1&size=1&filters=${encodeURIComponent(
    JSON.stringify({ status: ['created', 'exited', 'dead'] }),
  )}`,
};

/** Every container, in any state. */
export const listContainers: EngineRequest = { method: 'GET', path: '/containers/json?all=1' };

/** Without force, and without its volumes: the Engine refuses (409) what runs, restarts or is paused. */
export function removeContainer(id: string): EngineRequest {
  return { method: 'DELETE', path: `/containers/${id}` };
}

const containerId = z.string().regex(/^[0-9a-f]{64}$/);
const imageId = z.string().regex(/^sha256:[0-9a-f]{64}$/);

const idleContainers = z.array(
  z.object({
    Id: containerId,
    Names: z.array(z.string()).nullish(),
    /** Seconds since 1970. */
    Created: z.int(),
    State: z.string(),
    /** Absent where it is 0. */
    SizeRw: z.int().optional(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
);

/** @see readJson */
export function readIdleContainers(exchange: Exchange, index: number): readonly IdleContainer[] {
  const found = readJson(exchange, index, idleContainers, 'the list of containers that do not run');
  return found.map(({ Id, Names, Created, State, SizeRw = 0, Labels }) => {
    const serviceId = Labels?.['com.docker.swarm.service.id'];
    return {
      id: Id,
      name: Names?.[0]?.replace(/^\//, '') ?? '',
      createdAtMs: Created * 1000,
      sizeBytes: SizeRw,
      hasNeverStarted: State === 'created',
      isHelper: Labels?.[helperLabel] !== undefined,
      isTask: Labels?.['com.docker.swarm.task.id'] !== undefined,
      ...(serviceId !== undefined && { serviceId }),
    };
  });
}

const containers = z.array(
  z.object({
    Id: containerId,
    ImageID: imageId,
    Mounts: z.array(z.object({ Type: z.string().optional(), Name: z.string().optional() })).nullish(),
  }),
);

/** @see readJson */
export function readContainers(exchange: Exchange, index: number): readonly ContainerImages[] {
  const found = readJson(exchange, index, containers, 'the list of containers');
  return found.map(({ Id, ImageID, Mounts }) => ({
    containerId: Id,
    imageId: ImageID,
    mountedImages: (Mounts ?? []).flatMap(({ Type, Name = '' }) => (Type === 'image' ? [Name] : [])),
  }));
}
