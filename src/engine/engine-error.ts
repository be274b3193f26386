import { readRegistryWords } from './docker/registry-words.ts';
import { SwarmError, type SwarmErrorCode } from './swarm.ts';

/** What a failed request to the Engine means. An answer that did not come means that the Engine is away. */
export function readEngineError(error: unknown): SwarmError {
  const status = statusOf(error);
  const message = messageOf(error);
  return new SwarmError(readCode(status, message), message, { cause: error });
}

function readCode(status: number | undefined, message: string): SwarmErrorCode {
  if (/update out of sequence/.test(message)) {
    return 'out_of_sequence';
  }
  if (
    status === undefined ||
    status === 503 ||
    /not a swarm manager|does not have a leader|has no leader/.test(message)
  ) {
    return 'unavailable';
  }
  return status === 404 ? 'not_found' : status === 409 ? 'name_conflict' : 'rejected';
}

/**
 * What a failed request to the Engine for something in a registry means.
 * @param name the image
 */
export function readRegistryError(error: unknown, name: string): SwarmError {
  const status = statusOf(error);
  const message = messageOf(error);
  if (status === undefined && !isTimeout(error)) {
    return readEngineError(error);
  }
  const { fault, advice } = readRegistryWords(status, message);
  const [registry = ''] = name.split('/', 1);
  // Before the words, for those of a registry can be longer than what is shown.
  const why = advice === undefined ? '' : `${advice.replaceAll('REGISTRY', registry)} The Engine says: `;
  return new SwarmError(fault, `${name}: ${why}${message}`, { cause: error });
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError');
}

function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** The Engine's own words, where it had some. */
export function messageOf(error: unknown): string {
  const json = (error as { json?: { message?: unknown } | null } | null)?.json;
  if (typeof json?.message === 'string') {
    return json.message;
  }
  return error instanceof Error ? error.message : String(error);
}
