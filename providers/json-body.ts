import { isUtf8 } from 'node:buffer';
import { isObject } from './fields.ts';
import { type InboundWebhook, ProviderError } from './provider.ts';

const JSON_TYPE = /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i;

/**
 * GitHub's own cap on a payload, for bodies that are verified before they are parsed.
 * https://docs.github.com/en/webhooks/webhook-events-and-payloads
 */
export const MAX_VERIFIED_BYTES = 25 * 1024 * 1024;
/** Of a body that must be parsed to know whose signature it wants. Ordinary webhooks have some 30 KiB. */
export const MAX_UNVERIFIED_BYTES = 5 * 1024 * 1024;
/** Parsed, a value takes up to some hundred bytes however short it was: `{}` has two. */
const MAX_UNVERIFIED_VALUES = 250_000;

const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/** The body of a webhook as an object. Undefined when it is not JSON, or not sent as such. */
export function parseJsonBody(request: InboundWebhook): Readonly<Record<string, unknown>> | undefined {
  if (!JSON_TYPE.test(request.headers['content-type'] ?? '') || !isUtf8(request.body)) {
    return undefined;
  }
  try {
    const body: unknown = JSON.parse(request.body.toString('utf8'));
    return isObject(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

/**
 * As `parseJsonBody`, for a body of which nothing is verified: whoever sent it does not decide how much memory it takes.
 * @throws {ProviderError} `invalid_credential` for one of more than 5 MiB or 250 000 values, which is not parsed
 */
export function parseUnverifiedBody(request: InboundWebhook): Readonly<Record<string, unknown>> | undefined {
  const { body } = request;
  if (body.length > MAX_UNVERIFIED_BYTES || !hasFewValues(body)) {
    throw new ProviderError('invalid_credential', 'larger than what is parsed before it is verified');
  }
  return parseJsonBody(request);
}

/** Counts what each further value needs before it. What stands in texts is counted too: real ones have little of it. */
function hasFewValues(body: Buffer): boolean {
  if (body.length <= MAX_UNVERIFIED_VALUES) {
    return true;
  }
  let count = 0;
  // By index: an iterator takes three times as long.
  for (let index = 0; index < body.length && count <= MAX_UNVERIFIED_VALUES; index += 1) {
    const byte = body[index];
    if (byte === COMMA || byte === BRACKET || byte === BRACE) {
      count += 1;
    }
  }
  return count <= MAX_UNVERIFIED_VALUES;
}
