import type { Swarm } from './swarm.ts';

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
  let own: Promise<string | undefined> | undefined;
  return async serviceId => {
    own ??= swarm.serviceOfContainer(containerId);
    try {
      return (await own) === serviceId;
    } catch {
      own = undefined;
      return false;
    }
  };
}
