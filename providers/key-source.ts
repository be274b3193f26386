import { createLocalJWKSet, type JSONWebKeySet, type JWK } from 'jose';
import { fetchJson } from './fetch-json.ts';
import { isObject } from './fields.ts';
import { ProviderError } from './provider.ts';

const MINUTE_MS = 60_000;
/** From then on the keys are refreshed while the old ones still serve. */
const FRESH_MS = 10 * MINUTE_MS;
/** From then on a request waits for the refresh: only a failing issuer makes keys older than that count. */
const WAIT_MS = 20 * MINUTE_MS;
/** From then on a failing issuer's keys count no more. */
const STALE_MS = 24 * 60 * MINUTE_MS;
/** An issuer that failed is left alone for so long. */
const RETRY_MS = 30_000;
/** Tokens with unknown keys cause at most one refresh in so long. */
const UNKNOWN_KEY_MS = MINUTE_MS;
const TIMEOUT_MS = 5_000;
const MIN_MODULUS_BYTES = 256;
const MAX_MODULUS_BYTES = 1024;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

export type KeyResolver = ReturnType<typeof createLocalJWKSet>;

export interface KeySource {
  /**
   * A resolver that knows the key. Fetches at most when it must: there is one fetch at a time, an issuer that failed
   * is left alone for 30 s, and unknown keys cause one refresh a minute.
   * @throws {ProviderError} `invalid_credential` for a key that the issuer does not have, `issuer_unavailable`
   */
  resolverFor(kid: string): Promise<KeyResolver>;
}

export interface KeySourceOptions {
  /** The issuer as its tokens name it. Its discovery document is fetched from below it. */
  readonly issuer: string;
  readonly allowInsecure: boolean;
  readonly fetch: typeof fetch;
  readonly now: () => Date;
  /** For discovery and keys together, to the last byte. Default 5000. */
  readonly timeoutMs?: number | undefined;
}

interface KeySet {
  readonly resolver: KeyResolver;
  readonly kids: ReadonlySet<string>;
  readonly fetchedAt: number;
}

/**
 * The signing keys of an issuer, found by OpenID Connect Discovery 1.0.
 * @throws {TypeError} for an issuer that is no URL, or not `https` unless that is allowed
 */
export function createKeySource(options: KeySourceOptions): KeySource {
  const issuerUrl = parseIssuer(options.issuer, options.allowInsecure);
  let keySet: KeySet | undefined;
  let attempt: { readonly at: number; readonly error?: unknown } | undefined;
  let inFlight: Promise<void> | undefined;

  // A clock that was set back must not lock anything for as long.
  const since = (time: number) => Math.abs(options.now().getTime() - time);
  const isLeftAlone = () => attempt?.error !== undefined && since(attempt.at) < RETRY_MS;
  const unavailable = () =>
    new ProviderError('issuer_unavailable', `the issuer ${options.issuer} fails`, { cause: attempt?.error });

  function refresh(): Promise<void> {
    inFlight ??= fetchKeySet()
      .then(
        fetched => {
          keySet = fetched;
          attempt = { at: fetched.fetchedAt };
        },
        (error: unknown) => {
          attempt = { at: options.now().getTime(), error };
        },
      )
      .finally(() => {
        inFlight = undefined;
      });
    return inFlight;
  }

  async function fetchKeySet(): Promise<KeySet> {
    const fetchedAt = options.now().getTime();
    const signal = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
    const discovery = await fetchJson(options.fetch, discoveryUrl(issuerUrl), signal);
    const jwksUrl = readDiscovery(discovery, options.issuer, issuerUrl);
    const keys = usableKeys(await fetchJson(options.fetch, jwksUrl, signal));
    if (keys.size === 0) {
      throw new Error(`${jwksUrl.href} has no usable key`);
    }
    const jwks: JSONWebKeySet = { keys: [...keys.values()] };
    return { resolver: createLocalJWKSet(jwks), kids: new Set(keys.keys()), fetchedAt };
  }

  /** What there is, refreshed when it is time. */
  async function current(): Promise<KeySet> {
    const age = keySet === undefined ? Number.POSITIVE_INFINITY : since(keySet.fetchedAt);
    if (age > FRESH_MS && !isLeftAlone()) {
      const refreshed = refresh();
      if (age > WAIT_MS) {
        await refreshed;
      }
    }
    if (keySet === undefined || since(keySet.fetchedAt) > STALE_MS) {
      throw unavailable();
    }
    return keySet;
  }

  return {
    async resolverFor(kid) {
      const known = await current();
      if (known.kids.has(kid)) {
        return known.resolver;
      }
      if (inFlight !== undefined || attempt === undefined || since(attempt.at) >= UNKNOWN_KEY_MS) {
        await refresh();
      }
      if (keySet?.kids.has(kid)) {
        return keySet.resolver;
      }
      if (attempt?.error !== undefined) {
        throw unavailable();
      }
      throw new ProviderError('invalid_credential', `the issuer ${options.issuer} has no such key`);
    },
  };
}

function parseIssuer(issuer: string, allowInsecure: boolean): URL {
  const url = URL.parse(issuer);
  if (url === null || !(url.protocol === 'https:' || (allowInsecure && url.protocol === 'http:'))) {
    throw new TypeError(`the issuer ${issuer} is not an https URL`);
  }
  if (url.username !== '' || url.password !== '' || /[?#]/.test(issuer)) {
    throw new TypeError('an issuer has no user, query or fragment');
  }
  return url;
}

/** OpenID Connect Discovery 1.0, 4: a slash at the issuer's end is left out. */
function discoveryUrl(issuer: URL): URL {
  const url = new URL(issuer);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/.well-known/openid-configuration`;
  return url;
}

function readDiscovery(document: unknown, issuer: string, issuerUrl: URL): URL {
  if (!isObject(document) || document.issuer !== issuer) {
    throw new Error(`the discovery document of ${issuer} is another issuer's`);
  }
  const url = typeof document.jwks_uri === 'string' ? URL.parse(document.jwks_uri) : null;
  if (url === null || url.origin !== issuerUrl.origin || url.username !== '' || url.password !== '') {
    throw new Error(`the jwks_uri of ${issuer} is not on its own host`);
  }
  return url;
}

/** Public RSA keys for signatures of at least 2048 bits. Of two with one id the first counts. */
function usableKeys(document: unknown): ReadonlyMap<string, JWK> {
  if (!isObject(document) || !Array.isArray(document.keys)) {
    throw new Error('the key set is not one');
  }
  const keys = new Map<string, JWK>();
  for (const key of document.keys as readonly unknown[]) {
    if (isObject(key) && isUsable(key) && !keys.has(key.kid)) {
      keys.set(key.kid, { kty: 'RSA', kid: key.kid, n: key.n, e: key.e, alg: 'RS256', use: 'sig' });
    }
  }
  return keys;
}

function isUsable(
  key: Readonly<Record<string, unknown>>,
): key is { readonly kid: string; readonly n: string; readonly e: string } {
  const { kty, kid, n, e, d, k, use, alg, key_ops: operations } = key;
  return (
    kty === 'RSA' &&
    typeof kid === 'string' &&
    kid !== '' &&
    isModulus(n) &&
    typeof e === 'string' &&
    e.length <= 8 &&
    BASE64URL.test(e) &&
    // A private or symmetric part that is published is a key that is lost.
    d === undefined &&
    k === undefined &&
    (use === undefined || use === 'sig') &&
    (alg === undefined || alg === 'RS256') &&
    (operations === undefined || (Array.isArray(operations) && operations.includes('verify')))
  );
}

function isModulus(n: unknown): n is string {
  if (typeof n !== 'string' || !BASE64URL.test(n)) {
    return false;
  }
  const bytes = Buffer.from(n, 'base64url');
  const significant = bytes.subarray(bytes.findIndex(byte => byte !== 0));
  const first = significant[0] ?? 0;
  const isLongEnough =
    significant.length > MIN_MODULUS_BYTES || (significant.length === MIN_MODULUS_BYTES && first >= 0x80);
  return isLongEnough && significant.length <= MAX_MODULUS_BYTES;
}
