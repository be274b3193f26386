import { createHash } from 'node:crypto';

/** A key for what must not run twice: its parts are told apart, whatever is in them. */
export function replayKeyOf(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(`${Buffer.byteLength(part)}:`).update(part);
  }
  return hash.digest('hex');
}
