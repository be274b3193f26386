import { shareCalls } from './share-calls.ts';
import type { Swarm } from './swarm.ts';

/** More than one call to the Engine may take. */
const TIMEOUT_MS = 60_000;

/** Whether a service is the one that this program runs as. */
export type OwnServiceCheck = (serviceId: string) => Promise<boolean>;

/**
 * Asks the Engine once which service a container belongs to.
 * @param containerId of the container this runs in, or its first twelve digits, which are its host name
 * @returns a check that says no where it can't be told: outside of a container, or when its Engine is another one
 */
export function createOwnServiceCheck(
  swarm: Pick<Swarm, 'serviceOfContainer'>,
  containerId: string,
): OwnServiceCheck {
  const ask = shareCalls(() => swarm.serviceOfContainer(containerId), TIMEOUT_MS);
  let own: { readonly serviceId: string | undefined } | undefined;
  return async serviceId => {
    try {
      own ??= { serviceId: await ask() };
      return own.serviceId === serviceId;
    } catch {
      return false;
    }
  };
}
