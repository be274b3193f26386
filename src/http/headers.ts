import type { Request } from 'express';
import { RequestError } from '../core/errors.ts';

const SINGLE = ['authorization', 'content-type', 'host'];

/**
 * Refuses what a proxy in front may read in another way than we do: Node drops all but the first of these.
 * https://www.rfc-editor.org/rfc/rfc9112#section-3.2
 * @throws RequestError `malformed`
 */
export function checkHeaders(request: Request): void {
  const names = request.rawHeaders.filter((_, index) => index % 2 === 0).map(name => name.toLowerCase());
  if (SINGLE.some(single => names.filter(name => name === single).length > 1)) {
    throw new RequestError('malformed', 'The request repeats a header that may be there only once.');
  }
  if (request.httpVersion === '1.1' && !names.includes('host')) {
    throw new RequestError('malformed', 'The request lacks a Host header.');
  }
}

/** Header names in lower case; of a repeated header the first value. */
export function firstValues(request: Request): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(request.headersDistinct).map(([name, values]) => [name, values?.[0]]),
  );
}
