import { type ServiceTarget, serviceTarget } from '../core/target.ts';
import type { Service } from './swarm.ts';

/**
 * The services with their labels parsed, once for each version: the swarm gives each change of a service another one. To
 * parse the labels of all services takes long enough that nobody must be able to have it done as often as they like.
 */
export interface ParsedTargets {
  /** What was parsed before, when it was of this version. */
  of(service: Service): ServiceTarget;
  /** As `of`, for a list of all services there are: what is not in it is forgotten. */
  ofAll(services: readonly Service[]): readonly ServiceTarget[];
}

/** @param parse reads the labels */
export function createParsedTargets(
  parse: (service: Service) => ServiceTarget = serviceTarget,
): ParsedTargets {
  let known = new Map<string, { readonly version: number; readonly target: ServiceTarget }>();

  function entryOf(service: Service) {
    const { id, version } = service;
    const before = known.get(id);
    return before?.version === version ? before : { version, target: parse(service) };
  }

  return {
    of(service) {
      const entry = entryOf(service);
      known.set(service.id, entry);
      return entry.target;
    },
    ofAll(services) {
      known = new Map(services.map(service => [service.id, entryOf(service)]));
      return [...known.values()].map(({ target }) => target);
    },
  };
}
