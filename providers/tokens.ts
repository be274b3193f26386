import type { Issuer } from './oidc.ts';
import { unverifiedIssuer } from './oidc.ts';
import { ProviderError, type TokenVerifier, type VerifiedIdentity } from './provider.ts';

export type Claims = Readonly<Record<string, unknown>>;
type Identities = readonly [VerifiedIdentity, ...VerifiedIdentity[]];

/**
 * Reads an identity from claims.
 * @returns undefined for claims of somebody that the provider does not stand for
 * @throws {ProviderError} `invalid_credential` for claims that are missing or odd
 */
export type IdentifyClaims = (claims: Claims) => VerifiedIdentity | undefined;

/** An issuer and the providers for which its tokens count. */
export interface TrustedIssuer {
  readonly issuer: Issuer;
  readonly providers: readonly IdentifyClaims[];
}

/** Verifies a token once, by the one issuer that it names, and identifies it as each provider of that issuer. */
export function createTokenVerifier(trusted: readonly TrustedIssuer[], audience: string): TokenVerifier {
  const byName = new Map(trusted.map(entry => [entry.issuer.name, entry]));

  function select(issuer: unknown): TrustedIssuer {
    const entry = typeof issuer === 'string' ? byName.get(issuer) : undefined;
    if (entry === undefined) {
      throw new ProviderError('invalid_credential', 'the token names no configured issuer');
    }
    return entry;
  }

  return {
    async verifyToken(token) {
      const { issuer, providers } = select(unverifiedIssuer(token));
      const { claims, replayKey, expiresAt } = await issuer.verify(token);
      return { identities: identify(providers, claims), replayKey, expiresAt };
    },
    identifyClaims(claims) {
      try {
        if (claims.aud !== undefined && claims.aud !== audience) {
          throw new ProviderError('invalid_credential', 'aud is not the configured audience, as one text');
        }
        return identify(select(claims.iss).providers, claims);
      } catch (cause) {
        throw new ProviderError('invalid_credential', 'no configured provider accepts these claims', {
          cause,
        });
      }
    },
  };
}

function identify(providers: readonly IdentifyClaims[], claims: Claims): Identities {
  const [first, ...others] = providers
    .map(identifyClaims => identifyClaims(claims))
    .filter(identity => identity !== undefined);
  if (first === undefined) {
    throw new ProviderError(
      'invalid_credential',
      'the token is of somebody else than the configured organisation',
    );
  }
  return [first, ...others];
}
