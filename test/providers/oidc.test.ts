import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createIssuer, type Issuer, type IssuerOptions, unverifiedIssuer } from '../../providers/oidc.ts';
import { githubClaims } from '../fixtures/claims.ts';
import { createSigningKey, type SignOverrides, startIssuer, type TestIssuer } from '../fixtures/issuer.ts';

const audience = 'https://swarm-utils.example.com';
const now = new Date('2026-11-20T12:00:00Z');
const seconds = now.getTime() / 1000;
const invalid = { name: 'ProviderError', code: 'invalid_credential' };

let server: TestIssuer;
let issuer: Issuer;

before(async () => {
  server = await startIssuer({ now: () => now });
});
after(() => server.close());
beforeEach(() => {
  issuer = trust();
});

function trust(overrides: Partial<IssuerOptions> = {}): Issuer {
  return createIssuer({
    issuer: server.url,
    audience,
    allowInsecure: true,
    maxTokenAgeSeconds: 600,
    requireType: true,
    fetch,
    now: () => now,
    ...overrides,
  });
}

const token = (claims: Record<string, unknown> = {}, overrides?: SignOverrides) =>
  server.sign(githubClaims(claims), overrides);

describe('a token of the issuer', () => {
  test('verifies, and says until when it counts', async () => {
    const verified = await issuer.verify(token({ jti: 'one' }));
    assert.equal(verified.claims.repository, 'acme/shop');
    assert.equal(verified.expiresAt.toISOString(), '2026-11-20T12:05:30.000Z');
    assert.match(verified.replayKey, /^[0-9a-f]{64}$/);
  });

  test('has a replay key of its issuer and jti, and of nothing else', async () => {
    const [one, same, other] = await Promise.all([
      issuer.verify(token({ jti: 'one' })),
      issuer.verify(token({ jti: 'one', run_id: '2' })),
      issuer.verify(token({ jti: 'two' })),
    ]);
    assert.equal(one.replayKey, same.replayKey);
    assert.notEqual(one.replayKey, other.replayKey);
  });

  test('counts no longer than its greatest age, whatever its exp', async () => {
    const verified = await issuer.verify(token({ exp: 1e300 }));
    assert.equal(verified.expiresAt.toISOString(), '2026-11-20T12:10:31.000Z');
  });

  test('is refused from the very moment on that it names', async () => {
    for (const claims of [{}, { exp: seconds + 7200 }, { iat: seconds - 0.5, exp: seconds + 0.5 }]) {
      const { expiresAt } = await issuer.verify(token(claims));
      const late = trust({ now: () => expiresAt });
      await assert.rejects(late.verify(token(claims)), invalid);
    }
  });

  test('is given 30 seconds for clocks that differ', async () => {
    await issuer.verify(token({ exp: seconds - 29 }));
    await issuer.verify(token({ nbf: seconds + 30 }));
    await issuer.verify(token({ iat: seconds + 30 }));
    await issuer.verify(token({ iat: seconds - 630 }));
  });

  test('needs no type where none is demanded, and has no other', async () => {
    const lenient = trust({ requireType: false });
    await lenient.verify(token({}, { header: { typ: undefined } }));
    await lenient.verify(token({}, { header: { typ: 'jwt' } }));
    await assert.rejects(lenient.verify(token({}, { header: { typ: 'at+jwt' } })), invalid);
  });
});

describe('a token is refused', () => {
  for (const [what, claims] of Object.entries<Record<string, unknown>>({
    'of another issuer': { iss: 'https://token.actions.githubusercontent.com' },
    'of an issuer with a slash more': { iss: 'slash' },
    'of a list of issuers': { iss: ['https://issuer.example'] },
    'without an issuer': { iss: undefined },
    'for another audience': { aud: 'https://github.com/acme' },
    'for a part of the audience': { aud: 'https://swarm-utils.example' },
    'for the audience in another case': { aud: audience.toUpperCase() },
    'for a list with the audience': { aud: [audience] },
    'for a list with more audiences': { aud: [audience, 'https://other.example'] },
    'without an audience': { aud: undefined },
    'that is expired': { exp: seconds - 31 },
    'that expires never': { exp: undefined },
    'that expires in words': { exp: 'tomorrow' },
    'that does not count yet': { nbf: seconds + 31 },
    'without nbf': { nbf: undefined },
    'with an odd nbf': { nbf: '1' },
    'without iat': { iat: undefined },
    'made in the future': { iat: seconds + 31 },
    'made too long ago': { iat: seconds - 631, exp: seconds + 3600 },
    'without jti': { jti: undefined },
    'with an empty jti': { jti: '' },
    'with a jti that is a number': { jti: 5 },
    'with a jti that is too long': { jti: 'x'.repeat(257) },
    'with a jti with a line break': { jti: 'a\nb' },
    'without sub': { sub: undefined },
    'with a sub that is an object': { sub: {} },
    'longer than 16 KiB': { padding: 'x'.repeat(16 * 1024) },
  })) {
    test(what, async () => {
      const changed = claims.iss === 'slash' ? { iss: `${server.url}/` } : claims;
      await assert.rejects(issuer.verify(token(changed)), invalid);
    });
  }

  for (const [what, header] of Object.entries<Record<string, unknown>>({
    'without kid': { kid: undefined },
    'with an empty kid': { kid: '' },
    'with a kid that is a number': { kid: 1 },
    'with an unknown kid': { kid: 'unknown' },
    'with a kid like a property': { kid: '__proto__' },
    'without alg': { alg: undefined },
    'without typ': { typ: undefined },
    'of another type': { typ: 'at+jwt' },
    'that demands an extension': { crit: ['b64'], b64: false },
    'that demands nothing, oddly': { crit: [] },
    ...Object.fromEntries(
      ['none', 'None', 'HS256', 'RS384', 'RS512', 'PS256', 'ES256', 'EdDSA', 'rs256'].map(alg => [
        `with the algorithm ${alg}`,
        { alg },
      ]),
    ),
  })) {
    test(what, async () => {
      await assert.rejects(issuer.verify(token({}, { header })), invalid);
    });
  }

  test('signed with HMAC and the public key', async () => {
    const pem = JSON.stringify(server.key.publicJwk);
    const signature = (input: string) => createHmac('sha256', pem).update(input).digest();
    await assert.rejects(issuer.verify(token({}, { signature, header: { alg: 'HS256' } })), invalid);
    await assert.rejects(issuer.verify(token({}, { signature })), invalid);
  });

  test('signed with a foreign key that its header brings along', async () => {
    const key = await createSigningKey();
    for (const header of [
      { jwk: key.publicJwk, kid: server.key.kid },
      { jku: 'https://keys.example/jwks', kid: server.key.kid },
      { x5u: 'https://keys.example/x5u', x5c: ['AAAA'], kid: server.key.kid },
      { jwk: key.publicJwk },
    ]) {
      await assert.rejects(issuer.verify(token({}, { key, header })), invalid);
    }
  });

  test('whose claims or signature were changed', async () => {
    const [header, payload, signature] = token().split('.');
    const [, otherPayload] = token({ repository: 'acme/other' }).split('.');
    for (const changed of [
      `${header}.${otherPayload}.${signature}`,
      `${header}.${payload}.${signature?.split('').reverse().join('')}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${payload}.${signature}.`,
      `${header}.${payload}.${signature}.${signature}`,
      `${header}.${payload}.${signature}\n`,
      ` ${header}.${payload}.${signature}`,
    ]) {
      await assert.rejects(issuer.verify(changed), invalid);
    }
  });

  test('without causing a fetch where its header alone tells', async () => {
    const { discovery } = server.fetches;
    const fresh = trust();
    await assert.rejects(fresh.verify(token({}, { header: { alg: 'HS256' } })), invalid);
    await assert.rejects(fresh.verify(token({}, { header: { kid: undefined } })), invalid);
    await assert.rejects(fresh.verify('a.b.c'), invalid);
    assert.equal(server.fetches.discovery, discovery);
  });

  test('in words that name the claim, and hold neither the token nor its claims', async () => {
    const refusal = await issuer.verify(token({ exp: seconds - 31 })).catch(error => error);
    assert.equal(refusal.message, 'the token does not verify: ERR_JWT_EXPIRED exp');
    assert.equal(refusal.cause, undefined);
  });
});

describe('the unverified issuer', () => {
  test('is read from the payload', () => {
    assert.equal(unverifiedIssuer(token()), server.url);
  });

  const payload = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const [what, text] of Object.entries({
    nothing: '',
    'three dots': '...',
    'a plain token': 'a-plain-token',
    'a payload that is not JSON': `e30.${Buffer.from('{').toString('base64url')}.AA`,
    'a payload that is a list': `e30.${payload([1])}.AA`,
    'a payload that is null': `e30.${payload(null)}.AA`,
    'an issuer that is an object': `e30.${payload({ iss: {} })}.AA`,
    'a token of more than 16 KiB': `e30.${payload({ iss: 'https://issuer.example' })}.${'A'.repeat(16 * 1024)}`,
    'a token with spaces': `e30.${payload({ iss: 'https://issuer.example' })}. AA`,
  })) {
    test(`is not read from ${what}`, () => assert.throws(() => unverifiedIssuer(text), invalid));
  }
});
