import type { IncomingMessage } from 'node:http';
import { RequestError } from '../core/errors.ts';

const SINGLE = new Set(['authorization', 'content-type', 'host']);

/**
 * Reads the headers, and refuses what a proxy in front may read in another way than we do: Node drops all but the first
 * of some. https://www.rfc-editor.org/rfc/rfc9112#section-3.2
 * @returns by name in lower case; of a repeated header the first value
 * @throws RequestError `malformed`
 */
export function readHeaders({
  rawHeaders,
  httpVersion,
}: IncomingMessage): Readonly<Record<string, string | undefined>> {
  // Names come from the caller: nothing may be there already.
  const values: Record<string, string> = Object.create(null);
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (!(name in values)) {
      values[name] = rawHeaders[index + 1] ?? '';
    } else if (SINGLE.has(name)) {
      throw new RequestError('malformed', 'The request repeats a header that may be there only once.');
    }
  }
  if (httpVersion === '1.1' && values.host === undefined) {
    throw new RequestError('malformed', 'The request lacks a Host header.');
  }
  return values;
}
