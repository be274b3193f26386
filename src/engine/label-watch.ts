import type { LabelFault } from '../core/label-reader.ts';
import { nodeTarget, type Target } from '../core/target.ts';
import type { ParsedTargets } from './parsed-targets.ts';
import type { Swarm } from './swarm.ts';

export interface LabelWatchOptions {
  readonly swarm: Pick<Swarm, 'listServices' | 'listNodes'>;
  readonly parsedTargets: ParsedTargets;
  /** Called once for each fault of each service and node, and again only after it was mended and came back. */
  readonly onFault: (target: Target, fault: LabelFault) => void;
  /** Between two looks, milliseconds. */
  readonly intervalMs: number;
}

export interface LabelWatch {
  /** Looks now. Rejects with a SwarmError. */
  look(): Promise<void>;
  /** Ends the looking at intervals. */
  stop(): void;
}

/** Looks at the labels of all services and nodes at intervals, so that a misspelt one is seen before it is needed. */
export function createLabelWatch({
  swarm,
  parsedTargets,
  onFault,
  intervalMs,
}: LabelWatchOptions): LabelWatch {
  let known = new Set<string>();
  const look = async () => {
    const [services, nodes] = await Promise.all([swarm.listServices(), swarm.listNodes()]);
    const found = new Set<string>();
    // Of the services it also forgets those that are gone, which others parsed.
    for (const target of [...parsedTargets.ofAll(services), ...nodes.map(nodeTarget)]) {
      for (const fault of target.labels.faults) {
        const key = JSON.stringify([target.id, fault]);
        if (!known.has(key) && !found.has(key)) {
          onFault(target, fault);
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
