import { RequestError } from '../core/errors.ts';

const MAX_DEPTH = 32;
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]/g;

/**
 * Parses the body of a request. A field that is named twice is refused, since readers differ on which one counts.
 * @throws RequestError `malformed`
 */
export function readJson(body: unknown): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0) {
    throw new RequestError('malformed', 'The body must be a JSON object.');
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    const value: unknown = JSON.parse(text);
    checkStructure(text);
    return value;
  } catch (error) {
    if (error instanceof RequestError) {
      throw error;
    }
    // V8's message quotes the body, which may hold a token: neither the answer nor the log gets it.
    throw new RequestError('malformed', 'The body is not valid JSON in UTF-8.');
  }
}

/** Looks for what JSON.parse lets pass. The text is valid JSON. */
function checkStructure(text: string): void {
  const keysOfOpen: Set<string>[] = [];
  let lastString = '';
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') {
      keysOfOpen.push(new Set());
    } else if (token === '}' || token === ']') {
      keysOfOpen.pop();
    } else if (token === ':') {
      addKey(keysOfOpen.at(-1), lastString);
    } else if (token !== ',') {
      lastString = token;
    }
    if (keysOfOpen.length > MAX_DEPTH) {
      throw new RequestError('malformed', `The body is nested deeper than ${MAX_DEPTH} levels.`);
    }
  }
}

function addKey(keys: Set<string> | undefined, quoted: string): void {
  const key: unknown = JSON.parse(quoted);
  if (keys?.has(String(key))) {
    throw new RequestError('malformed', 'The body names a field twice.');
  }
  keys?.add(String(key));
}
