import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createKeySource, type KeySource, type KeySourceOptions } from '../../providers/key-source.ts';
import { createSigningKey, type IssuerFault, startIssuer, type TestIssuer } from '../fixtures/issuer.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const invalid = { name: 'ProviderError', code: 'invalid_credential' };
const unavailable = { name: 'ProviderError', code: 'issuer_unavailable' };

let server: TestIssuer;
let keys: KeySource;
let time: number;

beforeEach(async () => {
  server = await startIssuer();
  time = Date.parse('2026-11-20T12:00:00Z');
  keys = source();
});
afterEach(() => server.close());

function source(overrides: Partial<KeySourceOptions> = {}): KeySource {
  return createKeySource({
    issuer: server.url,
    allowInsecure: true,
    fetch,
    now: () => new Date(time),
    ...overrides,
  });
}

/** Short where it is met, so that the tests are quick; nowhere else, so that they pass on a busy machine. */
const timeoutFor = (fault: IssuerFault) =>
  fault === 'slow' || fault === 'dripping' ? { timeoutMs: 500 } : {};
const fetches = () => [server.fetches.discovery, server.fetches.jwks];
/** Gives a refresh in the background some time. */
async function settle(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 20));
}

describe('the keys of an issuer', () => {
  test('are fetched once, however many ask at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => keys.resolverFor(server.key.kid)));
    assert.deepEqual(fetches(), [1, 1]);
  });

  test('serve for ten minutes', async () => {
    await keys.resolverFor(server.key.kid);
    time += 10 * MINUTE;
    await keys.resolverFor(server.key.kid);
    await settle();
    assert.deepEqual(fetches(), [1, 1]);
  });

  test('are refreshed in the background then', async () => {
    await keys.resolverFor(server.key.kid);
    time += 10 * MINUTE + 1;
    server.fault = 'slow';
    await keys.resolverFor(server.key.kid);
    while (server.fetches.discovery < 2) {
      await settle();
    }
    assert.deepEqual(fetches(), [2, 1]);
  });

  test('are waited for when they were not asked for in a long time', async () => {
    const { kid } = server.key;
    await keys.resolverFor(kid);
    await server.rotate();
    time += 21 * MINUTE;
    await assert.rejects(keys.resolverFor(kid), invalid);
  });

  test('are found below the path of the issuer, with or without a slash at its end', async () => {
    const below = await startIssuer({ path: '/_services/token' });
    const options = { allowInsecure: true, fetch, now: () => new Date(time) };
    await createKeySource({ ...options, issuer: below.url }).resolverFor(below.key.kid);
    await assert.rejects(
      createKeySource({ ...options, issuer: `${below.url}/` }).resolverFor(below.key.kid),
      unavailable,
    );
    assert.equal(below.fetches.discovery, 2);
    await below.close();
  });
});

describe('a new key', () => {
  test('is found by the first token that has it', async () => {
    await keys.resolverFor(server.key.kid);
    const { kid } = await server.rotate({ keepOld: true });
    time += MINUTE;
    await keys.resolverFor(kid);
    assert.deepEqual(fetches(), [2, 2]);
  });

  test('is found in a minute, however many unknown keys are asked for', async () => {
    await keys.resolverFor(server.key.kid);
    time += MINUTE;
    await assert.rejects(keys.resolverFor('junk'), invalid);
    const { kid } = await server.rotate();
    for (let second = 0; second < 59; second += 1) {
      time += SECOND;
      await assert.rejects(keys.resolverFor(`junk-${second}`), invalid);
      await assert.rejects(keys.resolverFor(kid), invalid);
    }
    assert.deepEqual(fetches(), [2, 2]);
    time += SECOND;
    await keys.resolverFor(kid);
    assert.deepEqual(fetches(), [3, 3]);
  });

  test('is found by all that wait for one refresh', async () => {
    await keys.resolverFor(server.key.kid);
    const { kid } = await server.rotate();
    time += MINUTE;
    const asked = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => keys.resolverFor(index % 2 === 0 ? kid : `junk-${index}`)),
    );
    assert.deepEqual(fetches(), [2, 2]);
    assert.equal(asked.filter(({ status }) => status === 'fulfilled').length, 10);
  });

  test('makes an old one that is no longer published worthless', async () => {
    const { kid } = server.key;
    await keys.resolverFor(kid);
    const renewed = await server.rotate();
    time += MINUTE;
    await keys.resolverFor(renewed.kid);
    await assert.rejects(keys.resolverFor(kid), invalid);
  });

  test('is found although the clock was set back', async () => {
    await keys.resolverFor(server.key.kid);
    const { kid } = await server.rotate();
    time -= HOUR;
    await keys.resolverFor(kid);
  });
});

const faults: readonly IssuerFault[] = [
  'down',
  'error',
  'slow',
  'dripping',
  'huge',
  'redirect',
  'bad-json',
  'foreign-issuer',
  'foreign-jwks',
  'no-jwks-uri',
  'no-keys',
  'no-key-set',
];

for (const fault of faults) {
  describe(`an issuer with the fault “${fault}”`, () => {
    beforeEach(() => {
      keys = source(timeoutFor(fault));
    });

    test('is unavailable in bounded time, and is left alone for half a minute', async () => {
      server.fault = fault;
      const started = performance.now();
      await assert.rejects(keys.resolverFor(server.key.kid), unavailable);
      assert.ok(performance.now() - started < 4000);
      const [discovery = 0, jwks = 0] = fetches();
      assert.ok(discovery === 1 && jwks <= 1);
      for (let request = 0; request < 50; request += 1) {
        await assert.rejects(keys.resolverFor(`kid-${request}`), unavailable);
      }
      assert.deepEqual(fetches(), [discovery, jwks]);
    });

    test('is asked again after that, and serves when it is well', async () => {
      server.fault = fault;
      await assert.rejects(keys.resolverFor(server.key.kid), unavailable);
      server.fault = undefined;
      time += 29 * SECOND;
      await assert.rejects(keys.resolverFor(server.key.kid), unavailable);
      time += SECOND;
      await keys.resolverFor(server.key.kid);
    });

    test('does no harm to keys that are known, for a day', async () => {
      await keys.resolverFor(server.key.kid);
      server.fault = fault;
      for (const age of [11 * MINUTE, HOUR, 23 * HOUR]) {
        time = Date.parse('2026-11-20T12:00:00Z') + age;
        await keys.resolverFor(server.key.kid);
        await settle();
      }
      time = Date.parse('2026-11-20T12:00:00Z') + 24 * HOUR + 1;
      await assert.rejects(keys.resolverFor(server.key.kid), unavailable);
    });
  });
}

for (const fault of ['slow', 'dripping', 'huge', 'redirect', 'bad-json', 'down'] as const) {
  test(`key sets with the fault “${fault}” are none`, async () => {
    keys = source(timeoutFor(fault));
    server.fault = fault;
    server.faultAt = 'jwks';
    await assert.rejects(keys.resolverFor(server.key.kid), unavailable);
    assert.deepEqual(fetches(), [1, 1]);
  });
}

test('an unknown key of a failing issuer is no refusal: it may be a new one', async () => {
  await keys.resolverFor(server.key.kid);
  time += MINUTE;
  server.fault = 'down';
  await assert.rejects(keys.resolverFor('new'), unavailable);
  await assert.rejects(keys.resolverFor('new'), unavailable);
  assert.deepEqual(fetches(), [2, 1]);
  await keys.resolverFor(server.key.kid);
});

test('a failure says why, in its cause', async () => {
  server.fault = 'error';
  const failure = await keys.resolverFor('any').catch(error => error);
  assert.equal(failure.code, 'issuer_unavailable');
  assert.match(failure.cause.message, /answered 500$/);
});

describe('a published key is ignored', () => {
  const { publicKey: elliptic } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  for (const [what, change] of Object.entries<(jwk: Record<string, unknown>) => unknown>({
    'that is symmetric': jwk => ({ kid: jwk.kid, kty: 'oct', k: 'AAAA', alg: 'HS256' }),
    'that is elliptic': jwk => ({ kid: jwk.kid, ...elliptic.export({ format: 'jwk' }) }),
    'with its private part': jwk => ({ ...jwk, ...server.key.privateKey.export({ format: 'jwk' }) }),
    'for encryption': jwk => ({ ...jwk, use: 'enc' }),
    'for another algorithm': jwk => ({ ...jwk, alg: 'RS512' }),
    'that may not verify': jwk => ({ ...jwk, key_ops: ['encrypt'] }),
    'with odd operations': jwk => ({ ...jwk, key_ops: 'verify' }),
    'without kid': jwk => ({ ...jwk, kid: undefined }),
    'with an empty kid': jwk => ({ ...jwk, kid: '' }),
    'with a kid that is a number': jwk => ({ ...jwk, kid: 5 }),
    'without a modulus': jwk => ({ ...jwk, n: undefined }),
    'with a modulus that is not base64url': jwk => ({ ...jwk, n: '!'.repeat(400) }),
    'with a modulus of zeros': jwk => ({ ...jwk, n: Buffer.alloc(300).toString('base64url') }),
    'with an endless modulus': jwk => ({ ...jwk, n: 'A'.repeat(10) + 'x'.repeat(2000) }),
    'without an exponent': jwk => ({ ...jwk, e: undefined }),
    'with an endless exponent': jwk => ({ ...jwk, e: 'AQAB'.repeat(100) }),
    'that is null': () => null,
    'that is text': () => 'key',
  })) {
    test(what, async () => {
      const spare = await createSigningKey();
      server.published = [
        change({ ...server.key.publicJwk }) as Record<string, unknown>,
        { ...spare.publicJwk },
      ];
      await assert.rejects(keys.resolverFor(server.key.kid), invalid);
      await keys.resolverFor(spare.kid);
    });
  }

  test('of less than 2048 bits', async () => {
    const [short, spare] = await Promise.all([createSigningKey(2040), createSigningKey()]);
    server.published = [{ ...short.publicJwk }, { ...spare.publicJwk }];
    await assert.rejects(keys.resolverFor(short.kid), invalid);
    const padded = Buffer.concat([Buffer.alloc(8), Buffer.from(short.publicJwk.n ?? '', 'base64url')]);
    server.published = [{ ...short.publicJwk, n: padded.toString('base64url') }, { ...spare.publicJwk }];
    await assert.rejects(source().resolverFor(short.kid), invalid);
  });

  test('whose kid is another’s: the first counts', async () => {
    const twin = await createSigningKey();
    server.published.push({ ...twin.publicJwk, kid: server.key.kid });
    const resolver = await keys.resolverFor(server.key.kid);
    assert.deepEqual(
      resolver.jwks().keys.map(({ n }) => n),
      [server.key.publicJwk.n],
    );
  });
});

test('a key with the operation to verify is one', async () => {
  server.published = [{ ...server.key.publicJwk, key_ops: ['verify'], use: undefined, alg: undefined }];
  await keys.resolverFor(server.key.kid);
});

for (const issuer of [
  'not a URL',
  'ftp://issuer.example',
  'http://issuer.example',
  'https://user@issuer.example',
  'https://:password@issuer.example',
  'https://issuer.example?x',
  'https://issuer.example#x',
]) {
  test(`“${issuer}” is no issuer`, () => {
    assert.throws(() => source({ issuer, allowInsecure: false }), TypeError);
  });
}
