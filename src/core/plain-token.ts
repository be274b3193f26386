import { createHash, timingSafeEqual } from 'node:crypto';

const HASHED = /^sha256:([0-9a-f]{64})$/;

/** A token that a caller presented. Its text can't be printed, logged or serialised by accident. */
export class PlainToken {
  readonly #digest: Buffer;

  constructor(text: string) {
    this.#digest = sha256(text);
  }

  /** Whether this is the token that `secret` stands for. Constant time. */
  matches(secret: TokenSecret): boolean {
    return timingSafeEqual(this.#digest, secret.digest);
  }

  toJSON(): string {
    return '[redacted]';
  }
}

/** What is kept of a token that is expected: its SHA-256 only. */
export interface TokenSecret {
  readonly digest: Buffer;
}

/**
 * Reads a token as labels and variables hold it: the text itself or `sha256:<64 lower-case hex>` of it.
 * @returns undefined when it is empty or begins with `sha256:` and is no such hash
 */
export function parseTokenSecret(text: string): TokenSecret | undefined {
  const hex = HASHED.exec(text)?.[1];
  if (hex !== undefined) {
    return { digest: Buffer.from(hex, 'hex') };
  }
  return text === '' || text.startsWith('sha256:') ? undefined : { digest: sha256(text) };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
