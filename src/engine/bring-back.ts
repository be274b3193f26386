import { OperationError } from '../core/errors.ts';
import type { Clock } from './clock.ts';
import { insist } from './insist.ts';
import type { StoppedService } from './journal.ts';
import { type Service, type Swarm, SwarmError } from './swarm.ts';

/** `kept`: it had replicas, so nothing was to be done; `gone`: there is no such service any more. */
export type Comeback =
  | { readonly status: 'scaled' | 'kept'; readonly service: Service }
  | { readonly status: 'gone' };

const WRITE_ATTEMPTS = 10;

/**
 * Gives a service that was scaled to 0 its replicas again, and then writes them once more: else `docker service rollback`
 * would bring the 0 back. Replicas that somebody else wrote are left as they are. Safe to be done again after it was
 * killed at any point.
 * @throws OperationError `update_conflict`
 * @throws SwarmError
 */
export async function bringBack(
  { swarm, clock }: { readonly swarm: Swarm; readonly clock: Clock },
  { serviceId, replicas }: StoppedService,
): Promise<Comeback> {
  let status: 'scaled' | 'kept' = 'kept';
  for (let attempt = 1; ; attempt += 1) {
    const service = await insist(clock, () => swarm.getService(serviceId));
    if (service === undefined) {
      return { status: 'gone' };
    }
    if (!lacks(service, replicas)) {
      return { status, service };
    }
    try {
      // Not insisted upon: whether a write that was not answered was done is seen by the next look.
      await swarm.scaleService(serviceId, { replicas, version: service.version });
      status = 'scaled';
    } catch (error) {
      refuseUnlessPassing(error, attempt);
      await clock.sleep(attempt * 50);
    }
  }
}

/** Whether the replicas are missing, in what the service is now or in what a rollback would make of it. */
function lacks(service: Service, replicas: number): boolean {
  const isWithout =
    service.replicas === 0 || (service.replicas === replicas && service.previousReplicas === 0);
  return isWithout && replicas > 0;
}

function refuseUnlessPassing(error: unknown, attempt: number): void {
  const code = error instanceof SwarmError ? error.code : undefined;
  if (
    code === 'not_found' ||
    ((code === 'out_of_sequence' || code === 'unavailable') && attempt < WRITE_ATTEMPTS)
  ) {
    return;
  }
  if (code === 'out_of_sequence') {
    const message = `Others kept changing the service: ${attempt} attempts to scale it were out of sequence.`;
    throw new OperationError('update_conflict', message, { cause: error });
  }
  throw error;
}
