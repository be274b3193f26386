import type { Request } from 'express';
import type { TokenVerifier, VerifiedToken } from '../../providers/provider.ts';
import { RequestError } from '../core/errors.ts';
import { formatImageReference, type ImageReference } from '../core/image-reference.ts';
import type { Caller } from '../core/operation.ts';
import { PlainToken, type TokenSecret } from '../core/plain-token.ts';

const MAX_CREDENTIAL_LENGTH = 16 * 1024;
/** Shorter ones may stand in an innocent name. */
const MIN_MISPLACED_LENGTH = 16;
const BEARER = /^bearer +(\S+) *$/i;
const JWT = /^([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** A caller, and for workloads the token that must not be used for two different requests. */
export interface Authenticated {
  readonly caller: Caller;
  readonly token?: Pick<VerifiedToken, 'replayKey' | 'expiresAt'>;
}

/** What of a body matters here: the token, as the seed has it, and what a token may have been mixed up with. */
export interface BodyFields {
  readonly token?: string | undefined;
  readonly image?: ImageReference | undefined;
}

export type Authenticate = (request: Request, body?: BodyFields) => Promise<Authenticated>;

/**
 * Finds out who asks, by `Authorization: Bearer` or the `token` of the body. A plain token that is no admin's becomes
 * a caller too: only labels know what it is good for.
 * @throws RequestError `malformed`, `unauthorized` (its message is for the log); ProviderError `issuer_unavailable`,
 *   `invalid_credential`
 */
export function createAuthenticate(options: {
  readonly tokens: TokenVerifier | undefined;
  readonly adminTokens: readonly TokenSecret[];
}): Authenticate {
  const { tokens, adminTokens } = options;
  return async (request, body = {}) => {
    const credential = readCredential(request, body.token);
    refuseMisplaced(credential, body.image);
    if (tokens !== undefined && isJwt(credential)) {
      const { identities, replayKey, expiresAt } = await tokens.verifyToken(credential);
      return { caller: { kind: 'workload', identities }, token: { replayKey, expiresAt } };
    }
    const token = new PlainToken(credential);
    // All of them are compared, so that the time does not tell which one it was.
    const matching = adminTokens.filter(secret => token.matches(secret));
    return { caller: matching.length > 0 ? { kind: 'admin' } : { kind: 'token', token } };
  };
}

function readCredential(request: Request, bodyToken: string | undefined): string {
  const header = readBearer(request.headers.authorization);
  if (header !== undefined && bodyToken !== undefined && header !== bodyToken) {
    throw new RequestError('malformed', 'The request has two different credentials.', {
      details: ['token: differs from the Authorization header'],
    });
  }
  const credential = header ?? bodyToken;
  if (credential === undefined || credential === '') {
    throw new RequestError('unauthorized', 'no credential');
  }
  if (credential.length > MAX_CREDENTIAL_LENGTH) {
    throw new RequestError('unauthorized', 'the credential is longer than 16 KiB');
  }
  return credential;
}

/** An image is kept, logged and sent to a registry: a credential in it would be, too. */
function refuseMisplaced(credential: string, image: ImageReference | undefined): void {
  const text = image === undefined ? '' : formatImageReference(image).toLowerCase();
  if (credential.length >= MIN_MISPLACED_LENGTH && text.includes(credential.toLowerCase())) {
    throw new RequestError('malformed', 'The request has wrong fields.', {
      details: ['image: has the credential in it'],
    });
  }
}

/** Other schemes are left to the proxies in front that they are for. */
function readBearer(header: string | undefined): string | undefined {
  const credential = BEARER.exec(header ?? '')?.[1];
  // Node reads header bytes as Latin-1; a token in a label is UTF-8.
  return credential === undefined ? undefined : Buffer.from(credential, 'latin1').toString('utf8');
}

function isJwt(credential: string): boolean {
  const header = JWT.exec(credential)?.[1];
  try {
    const value: unknown = header && JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}
