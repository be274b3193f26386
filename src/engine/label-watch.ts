import type { LabelFault } from '../core/labels.ts';
import type { ParsedTargets } from './parsed-targets.ts';
import type { Service, Swarm } from './swarm.ts';

export interface LabelWatchOptions {
  readonly swarm: Pick<Swarm, 'listServices'>;
  readonly parsedTargets: ParsedTargets;
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
export function createLabelWatch({
  swarm,
  parsedTargets,
  onFault,
  intervalMs,
}: LabelWatchOptions): LabelWatch {
  let known = new Set<string>();
  const look = async () => {
    const services = await swarm.listServices();
    // Also forgets the services that are gone, which others parsed.
    parsedTargets.ofAll(services);
    const found = new Set<string>();
    for (const service of services) {
      for (const fault of parsedTargets.of(service).labels.faults) {
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
