import { createHmac, timingSafeEqual } from 'node:crypto';
import type { InboundWebhook } from './provider.ts';

const TOLERANCE_SECONDS = 5 * 60;
const MAX_SIGNATURES = 16;
const MIN_KEY_BYTES = 16;
// A dot would let the signed text be divided in another way.
const ID = /^[A-Za-z0-9_-]{1,256}$/;
const TIMESTAMP = /^[0-9]{1,12}$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const VERSION = 'v1,';

/**
 * The key of a signing token, `whsec_` and base64.
 * @throws {TypeError} for anything else, or a key of less than 16 bytes
 */
export function decodeSigningToken(token: string): Buffer {
  const encoded = token.startsWith('whsec_') ? token.slice('whsec_'.length) : '';
  const key = Buffer.from(encoded, 'base64');
  if (!BASE64.test(encoded) || key.length < MIN_KEY_BYTES) {
    throw new TypeError(`not a signing token: whsec_ and base64 of at least ${MIN_KEY_BYTES} bytes`);
  }
  return key;
}

/**
 * Whether one of the keys signed these very bytes in the last five minutes.
 * @returns the signed `webhook-id`, the same for every redelivery; undefined when not signed
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function verifyStandardWebhook(
  keys: readonly Buffer[],
  { headers, body }: InboundWebhook,
  now: Date,
): string | undefined {
  const id = headers['webhook-id'] ?? '';
  const timestamp = headers['webhook-timestamp'] ?? '';
  const given = signatures(headers['webhook-signature'] ?? '');
  const prefix = `${id}.${timestamp}.`;
  const expected = keys.map(key => createHmac('sha256', key).update(prefix).update(body).digest());
  // Every pair is compared, so that the time tells nothing of which matched.
  const matches = expected.flatMap(one => given.map(other => timingSafeEqual(one, other)));
  const age = Math.abs(now.getTime() / 1000 - Number(timestamp));
  const isTimely = TIMESTAMP.test(timestamp) && age <= TOLERANCE_SECONDS;
  return matches.includes(true) && isTimely && ID.test(id) ? id : undefined;
}

/** The `v1` signatures of a list, of which a key that is being changed makes two. */
function signatures(list: string): readonly Buffer[] {
  return list
    .split(' ', MAX_SIGNATURES)
    .filter(entry => entry.startsWith(VERSION) && BASE64.test(entry.slice(VERSION.length)))
    .map(entry => Buffer.from(entry.slice(VERSION.length), 'base64'))
    .filter(signature => signature.length === 32);
}
