import { CallFault } from './docker/call-fault.ts';
import { refusals } from './docker/engine-words.ts';
import { readRegistryWords } from './docker/registry-words.ts';
import { SwarmError, type SwarmErrorCode } from './swarm.ts';

/** Of words that are no JSON, a web page of a proxy, say. */
const MAX_PLAIN_WORDS = 300;
/** The Engine repeats what others have told it, and that can be anything. */
const MAX_WORDS = 16 * 1024;

/** A call that came to nothing means that the Engine is away. */
export function unavailable(fault: CallFault): SwarmError {
  return new SwarmError('unavailable', fault.message, { cause: fault });
}

/**
 * What an answer that is an error means.
 * @param call for the log: `GET /nodes`
 */
export function readErrorAnswer(call: string, status: number, body: Buffer): SwarmError {
  const words = readWords(body);
  const message = words?.text ?? `The Engine answered with status ${status}.`;
  const meaning = refusals.find(each => each.words.test(message))?.meaning;
  const isForeign = !isOfEngine(words);
  const cause = new CallFault('status', `${call}: status ${status}: ${message}`, { status, isForeign });
  switch (meaning) {
    case 'out_of_sequence':
    case 'spec_too_large':
      return new SwarmError(meaning, message, { cause });
    case 'not_a_manager':
    case 'no_leader':
      return new SwarmError('unavailable', message, { cause, reason: meaning });
    case 'version_refused':
      return unavailable(new CallFault('version_refused', message, { status }));
    case 'away':
      return new SwarmError('unavailable', message, { cause });
    case undefined:
      return new SwarmError(readStatus(status, isForeign), message, { cause });
  }
}

/** Somebody on the way who is in trouble does not know whether there is such a thing. */
function readStatus(status: number, isForeign: boolean): SwarmErrorCode {
  switch (status) {
    case 404:
      return isForeign ? 'unavailable' : 'not_found';
    case 409:
      return isForeign ? 'unavailable' : 'name_conflict';
    case 408:
    case 429:
      return 'unavailable';
    case 500:
      return isForeign ? 'unavailable' : 'rejected';
    default:
      return (status >= 400 && status < 500) || status === 501 ? 'rejected' : 'unavailable';
  }
}

/** The Engine has words for everything, but for a path that it does not know at all. */
function isOfEngine(words: Words | undefined): boolean {
  return words?.isJson === true && words.text !== 'page not found';
}

interface Words {
  readonly text: string;
  readonly isJson: boolean;
}

/** The Engine's own words, where it had some. Very old versions of its API have them as plain text. */
function readWords(body: Buffer): Words | undefined {
  const text = body.toString('utf8').trim();
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    if (typeof message === 'string' && message !== '') {
      return { text: message.slice(0, MAX_WORDS), isJson: true };
    }
  } catch {}
  return text === '' ? undefined : { text: text.slice(0, MAX_PLAIN_WORDS), isJson: false };
}

/**
 * What a failed request to the Engine for something in a registry means.
 * @param name the image
 */
export function readRegistryError(error: unknown, name: string): unknown {
  if (!(error instanceof SwarmError && error.cause instanceof CallFault)) {
    return error;
  }
  const { message, cause } = error;
  const { status, kind, isForeign } = cause;
  // Of a proxy's words on the way to the Engine none is about the registry.
  if (isForeign || (status === undefined && kind !== 'timed_out')) {
    return error;
  }
  const { fault, advice } = readRegistryWords(status, message);
  const [registry = ''] = name.split('/', 1);
  // Before the words, for those of a registry can be longer than what is shown.
  const why = advice === undefined ? '' : `${advice.replaceAll('REGISTRY', registry)} The Engine says: `;
  return new SwarmError(fault, `${name}: ${why}${message}`, { cause });
}
