import { createHash, timingSafeEqual } from 'node:crypto';

const HASHED = /^sha256:([0-9a-f]{64})$/;
/** A slip in a hash must not make the hash itself the token: hashes are no secrets. */
const MEANT_AS_HASH = /^\s*sha-?256\s*[:=-]/i;

/** A token that a caller presented. Its text can't be printed, logged or serialised by accident. */
export class PlainToken {
  readonly #digest: Buffer;

  constructor(text: string) {
    this.#digest = sha256(text);
  }

  /** Whether this is the token that `secret` stands for. Constant time. */
  matches(secret: TokenSecret): boolean {
    return secret.isDigest(this.#digest);
  }

  toJSON(): string {
    return '[redacted]';
  }
}

/** What is kept of a token that is expected: its SHA-256 only, which can't be printed or logged by accident either. */
export class TokenSecret {
  readonly #digest: Buffer;

  /** @param digest 32 bytes */
  constructor(digest: Buffer) {
    this.#digest = digest;
  }

  /** Constant time. */
  isDigest(digest: Buffer): boolean {
    return timingSafeEqual(this.#digest, digest);
  }

  toJSON(): string {
    return '[redacted]';
  }
}

/**
 * Reads a token as labels and variables hold it: the text itself or `sha256:<64 lower-case hex>` of it.
 * @returns undefined when it is empty or blank, or looks like a hash and is no such hash
 */
export function parseTokenSecret(text: string): TokenSecret | undefined {
  const hex = HASHED.exec(text)?.[1];
  if (hex !== undefined) {
    return new TokenSecret(Buffer.from(hex, 'hex'));
  }
  return text.trim() === '' || MEANT_AS_HASH.test(text) ? undefined : new TokenSecret(sha256(text));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
