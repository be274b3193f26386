import { SwarmError } from '../swarm.ts';

/** @returns undefined for what the swarm does not have */
export async function unlessGone<T>(request: () => Promise<T>): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'not_found') {
      return undefined;
    }
    throw error;
  }
}
