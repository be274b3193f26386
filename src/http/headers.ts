import type { Request } from 'express';
import { RequestError } from '../core/errors.ts';

const SINGLE = new Set(['authorization', 'content-type', 'host']);

/**
 * Refuses what a proxy in front may read in another way than we do: Node drops all but the first of these.
 * https://www.rfc-editor.org/rfc/rfc9112#section-3.2
 * @throws RequestError `malformed`
 */
export function checkHeaders(request: Request): void {
  const seen = new Set<string>();
  for (const [name] of headerPairs(request)) {
    if (seen.has(name) && SINGLE.has(name)) {
      throw new RequestError('malformed', 'The request repeats a header that may be there only once.');
    }
    seen.add(name);
  }
  if (request.httpVersion === '1.1' && !seen.has('host')) {
    throw new RequestError('malformed', 'The request lacks a Host header.');
  }
}

/** Header names in lower case; of a repeated header the first value. */
export function firstValues(request: Request): Record<string, string | undefined> {
  const values: Record<string, string | undefined> = {};
  for (const [name, value] of headerPairs(request)) {
    if (!Object.hasOwn(values, name)) {
      values[name] = value;
    }
  }
  return values;
}

function* headerPairs({ rawHeaders }: Request): Generator<readonly [string, string]> {
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    yield [(rawHeaders[index] ?? '').toLowerCase(), rawHeaders[index + 1] ?? ''];
  }
}
