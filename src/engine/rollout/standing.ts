import type { Warning } from '../../core/warning.ts';
import type { Clock } from '../clock.ts';
import { readView, runsSteadily, warnOfRollout } from '../rollout-view.ts';
import type { Service, Swarm } from '../swarm.ts';

/**
 * How a service stands that is asked for the image that it has. `settled`: it runs it as it should, or ran it to its good
 * end, so there is nothing to do. `given-up`: the swarm does nothing more, and would not if the same spec were written.
 * `moving`: neither.
 */
export interface Standing {
  readonly is: 'settled' | 'given-up' | 'moving';
  readonly warnings: readonly Warning[];
}

/**
 * Looks how a service stands.
 * @throws OperationError `target_gone`
 * @throws SwarmError
 */
export async function readStanding(
  { swarm, clock }: { readonly swarm: Swarm; readonly clock: Clock },
  service: Service,
): Promise<Standing> {
  const { update, image } = service;
  if (update?.state === 'updating' || update?.state === 'rollback_started') {
    return { is: 'moving', warnings: [] };
  }
  const view = await readView(swarm, { service, image, isForce: false });
  const isPaused = update?.state === 'paused' || update?.state === 'rollback_paused';
  // The swarm pauses for tasks of a one-shot service that came to their good end while it watched them.
  const isMeantTo = !isPaused || view.progress.done.length > 0;
  if (isMeantTo && runsSteadily(view, clock.now())) {
    return { is: 'settled', warnings: warnOfRollout(view) };
  }
  return { is: isPaused || view.givenUp.length > 0 ? 'given-up' : 'moving', warnings: [] };
}
