import type { LabelFault } from '../core/labels.ts';
import { serviceTarget } from '../core/target.ts';
import type { Service, Swarm } from './swarm.ts';

export interface LabelWatchOptions {
  readonly swarm: Pick<Swarm, 'listServices'>;
  /** Called once for each fault of each service, and again only after it was mended and came back. */
  readonly onFault: (service: Service, fault: LabelFault) => void;
  /** Between two looks, milliseconds. */
  readonly intervalMs: number;
}

export interface LabelWatch {
  /** Looks now. Rejects with a SwarmError. */
  look(): Promise<void>;
  /** Ends the looking at intervals. */
  stop(): void;
}

/** Looks at the labels of all services at intervals, so that a misspelt one is seen before it is needed. */
export function createLabelWatch({ swarm, onFault, intervalMs }: LabelWatchOptions): LabelWatch {
  let known = new Set<string>();
  const look = async () => {
    const services = await swarm.listServices();
    const found = new Set<string>();
    for (const service of services) {
      for (const fault of serviceTarget(service).labels.faults) {
        const key = JSON.stringify([service.id, fault]);
        if (!known.has(key) && !found.has(key)) {
          onFault(service, fault);
        }
        found.add(key);
      }
    }
    known = found;
  };
  // A swarm that is away is reported by the readiness, not here.
  const timer = setInterval(() => look().catch(() => undefined), intervalMs);
  timer.unref();
  return { look, stop: () => clearInterval(timer) };
}
