import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { read, text } from './fields.ts';
import { createKeySource, type KeySourceOptions } from './key-source.ts';
import { ProviderError } from './provider.ts';
import { replayKeyOf } from './replay-key.ts';

const MAX_TOKEN_LENGTH = 16 * 1024;
const LEEWAY_SECONDS = 30;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

export interface IssuerOptions extends KeySourceOptions {
  /** The one `aud` that a token must carry, as text. */
  readonly audience: string;
  /** How long after `iat` a token counts, whatever its `exp` says. */
  readonly maxTokenAgeSeconds: number;
  /** Whether the header must say `typ: JWT`; otherwise it may also say nothing. */
  readonly requireType: boolean;
}

/** The claims of a verified token. */
export interface VerifiedClaims {
  readonly claims: Readonly<Record<string, unknown>>;
  /** Unique per token: issuer and `jti`. */
  readonly replayKey: string;
  /** From then on the token is refused anyway. */
  readonly expiresAt: Date;
}

export interface Issuer {
  readonly name: string;
  /** @throws {ProviderError} `invalid_credential`, `issuer_unavailable` */
  verify(token: string): Promise<VerifiedClaims>;
}

const headerSchema = z.object({ alg: z.literal('RS256'), kid: text(256), typ: z.string().optional() });
// jose has checked that they are there; these are the types and bounds that it leaves open.
const claimsSchema = z.object({
  aud: z.string(),
  jti: text(256),
  sub: text(2048),
  iat: z.number(),
  exp: z.number(),
});

/**
 * An OpenID Connect issuer whose tokens (RS256 only) are accepted for one audience.
 * @throws {TypeError} as `createKeySource`
 */
export function createIssuer(options: IssuerOptions): Issuer {
  const keys = createKeySource(options);
  return {
    name: options.issuer,
    async verify(token) {
      const resolver = await keys.resolverFor(readHeader(token, options.requireType));
      const payload = await jwtVerify(token, resolver, {
        issuer: options.issuer,
        audience: options.audience,
        algorithms: ['RS256'],
        clockTolerance: LEEWAY_SECONDS,
        maxTokenAge: options.maxTokenAgeSeconds,
        requiredClaims: ['iss', 'aud', 'exp', 'nbf', 'iat', 'jti', 'sub'],
        currentDate: options.now(),
      }).then(verified => verified.payload, refuse);
      const { jti, iat, exp } = read(claimsSchema, payload, 'invalid_credential', 'token');
      // jose refuses from the second of `exp` on, and from the one after the greatest age.
      const lastSecond = Math.min(exp, iat + options.maxTokenAgeSeconds + 1) + LEEWAY_SECONDS;
      return {
        claims: payload,
        replayKey: replayKeyOf('oidc', options.issuer, jti),
        expiresAt: new Date(Math.ceil(lastSecond) * 1000),
      };
    },
  };
}

/**
 * The `iss` of a token, of which nothing is verified: fit to select among configured issuers, and for nothing else.
 * @throws {ProviderError} `invalid_credential` for what is not a token, or too long
 */
export function unverifiedIssuer(token: string): string {
  refuseMisshapen(token);
  const payload = token.slice(token.indexOf('.') + 1, token.lastIndexOf('.'));
  const claims = parse(Buffer.from(payload, 'base64url').toString('utf8'));
  return read(z.object({ iss: z.string() }), claims, 'invalid_credential', 'token').iss;
}

function refuseMisshapen(token: string): void {
  if (token.length > MAX_TOKEN_LENGTH || !COMPACT.test(token)) {
    throw new ProviderError('invalid_credential', 'not a token, or too long');
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new ProviderError('invalid_credential', 'the payload of the token is not JSON');
  }
}

/** Checks all that can be checked without a key, so that a token that can't count causes no fetch. Returns `kid`. */
function readHeader(token: string, requireType: boolean): string {
  refuseMisshapen(token);
  const header = decodeHeader(token);
  const { kid, typ } = read(headerSchema, header, 'invalid_credential', 'header of the token');
  if ('crit' in header) {
    throw new ProviderError('invalid_credential', 'the token demands an extension');
  }
  if (typ === undefined ? requireType : typ.toUpperCase() !== 'JWT') {
    throw new ProviderError('invalid_credential', 'the token is of another type');
  }
  return kid;
}

function decodeHeader(token: string): object {
  try {
    return decodeProtectedHeader(token);
  } catch {
    throw new ProviderError('invalid_credential', 'the header of the token is not JSON');
  }
}

/** jose's errors hold the claims, so that only what they are about is taken over. */
function refuse(error: unknown): never {
  const code = error instanceof errors.JOSEError ? error.code : 'unknown';
  const claim =
    error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired ? error.claim : '';
  throw new ProviderError('invalid_credential', `the token does not verify: ${code} ${claim}`.trimEnd());
}
