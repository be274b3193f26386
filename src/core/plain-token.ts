import { createHash, timingSafeEqual } from 'node:crypto';

const HASHED = /^sha256:([0-9a-f]{64})$/;
/**
 * A slip in a hash, or one of another kind, must not make the hash itself the token: hashes are no secrets. These are
 * `name:…`, the modular crypt format (`$2b$…`, `$argon2id$…`) and LDAP's (`{SSHA}…`). Bare hex is a token: people make
 * them with `openssl rand -hex 32`.
 */
const MEANT_AS_HASH =
  /^\s*(?:(?:sha-?[1-9]\d*|sha3-\d+|md[245]|bcrypt|scrypt|argon2\w*|pbkdf2\w*|blake[23]\w*)\s*[-:=]|\$+[a-z0-9][\w-]*\$|\{[a-z0-9][\w./-]*\})/i;

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
 * @returns undefined when it is empty or blank, or looks like a hash and is not this one
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
