import { readEngineError } from './engine-error.ts';
import { SwarmError } from './swarm.ts';

/** Does a request to the Engine; what fails is a SwarmError. */
export async function call<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw readEngineError(error);
  }
}

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
