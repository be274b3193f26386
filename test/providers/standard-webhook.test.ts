import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { InboundWebhook } from '../../providers/provider.ts';
import { decodeSigningToken, verifyStandardWebhook } from '../../providers/standard-webhook.ts';
import { standardSignature } from '../fixtures/webhooks.ts';

// The vector of the Standard Webhooks reference libraries, and one made with the token of GitLab's merge request 230944.
const vectors = [
  {
    name: 'Standard Webhooks',
    token: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestamp: '1614265330',
    body: '{"test": 2432232314}',
    signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  },
  {
    name: 'GitLab',
    token: 'whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=',
    id: 'f5e5f430-f57b-4e6e-9fac-d9128cd7232f',
    timestamp: '1776988800',
    body: '{"object_kind":"push"}',
    signature: 'v1,3E3Lo6+w0AeT+w8yaIQwPbNMIoEKRNQOyv0fzYr2ugw=',
  },
] as const;

const [gitlab] = vectors.slice(1);
assert.ok(gitlab);

function verify(
  overrides: Partial<Record<'id' | 'timestamp' | 'body' | 'signature' | 'token', string>> & {
    ageMs?: number;
  } = {},
): string | undefined {
  const { id, timestamp, body, signature, token, ageMs = 0 } = { ...gitlab, ...overrides };
  return verifyStandardWebhook(
    [decodeSigningToken(token ?? '')],
    {
      headers: {
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signature,
      },
      body: Buffer.from(body ?? ''),
    },
    new Date(Number(gitlab?.timestamp) * 1000 + ageMs),
  );
}

for (const { name, token, id, timestamp, body, signature } of vectors) {
  test(`the published vector of ${name} verifies`, () => {
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
    const now = new Date(Number(timestamp) * 1000);
    const request = { headers, body: Buffer.from(body) };
    assert.equal(verifyStandardWebhook([decodeSigningToken(token)], request, now), id);
  });
}

describe('a list of signatures', () => {
  const { signature } = gitlab;
  const other = standardSignature(vectors[0].token, gitlab.id, gitlab.timestamp, Buffer.from(gitlab.body));

  test('verifies when one of them does, wherever it stands', () => {
    assert.equal(verify({ signature: `${other} ${signature}` }), gitlab.id);
    assert.equal(verify({ signature: `${signature} ${other}` }), gitlab.id);
    assert.equal(verify({ signature: `v1a,AAAA v2,x ${signature}` }), gitlab.id);
  });

  test('verifies with any of the keys', () => {
    const keys = [decodeSigningToken(vectors[0].token), decodeSigningToken(gitlab.token)];
    const headers = { 'webhook-id': gitlab.id, 'webhook-timestamp': gitlab.timestamp };
    const now = new Date(Number(gitlab.timestamp) * 1000);
    for (const one of [signature, other]) {
      const request: InboundWebhook = {
        headers: { ...headers, 'webhook-signature': one },
        body: Buffer.from(gitlab.body),
      };
      assert.equal(verifyStandardWebhook(keys, request, now), gitlab.id);
    }
  });

  test('is not read to its end when it is endless', () => {
    assert.equal(verify({ signature: `${'v1,AAAA '.repeat(16)}${signature}` }), undefined);
  });
});

for (const [what, overrides] of Object.entries({
  'no signature': { signature: '' },
  'the signature of another key': { token: vectors[0].token },
  'another version': { signature: gitlab.signature.replace('v1,', 'v2,') },
  'no version': { signature: gitlab.signature.replace('v1,', '') },
  'a signature that is cut': { signature: gitlab.signature.slice(0, -8) },
  'a signature in base64url': { signature: gitlab.signature.replaceAll('+', '-') },
  'another body': { body: '{"object_kind":"push" }' },
  'another id': { id: 'f5e5f430' },
  'no id': { id: '' },
  'no timestamp': { timestamp: '' },
  'a timestamp with letters behind it': { timestamp: `${gitlab.timestamp}abc` },
  'a timestamp with a fraction': { timestamp: `${gitlab.timestamp}.0` },
  'a timestamp with a sign': { timestamp: `+${gitlab.timestamp}` },
  'a timestamp with a space': { timestamp: ` ${gitlab.timestamp}` },
  'a timestamp in hexadecimal': { timestamp: `0x${Number(gitlab.timestamp).toString(16)}` },
  'one signed more than five minutes ago': { ageMs: 300_001 },
  'one signed more than five minutes ahead': { ageMs: -300_001 },
})) {
  test(`${what} does not verify`, () => {
    assert.equal(verify(overrides), undefined);
  });
}

test('five minutes are a difference that may be', () => {
  assert.equal(verify({ ageMs: 300_000 }), gitlab.id);
  assert.equal(verify({ ageMs: -300_000 }), gitlab.id);
});

for (const [what, id, timestamp] of [
  ['an odd timestamp', gitlab.id, `${gitlab.timestamp}abc`],
  ['an id with a dot', 'a.b', gitlab.timestamp],
  ['an id with a line break', 'a\nb', gitlab.timestamp],
] as const) {
  test(`${what} is refused although it is signed`, () => {
    const signature = standardSignature(gitlab.token, id, timestamp, Buffer.from(gitlab.body));
    assert.equal(verify({ id, timestamp, signature }), undefined);
  });
}

for (const token of [
  '',
  'secret',
  'whsec_',
  'whsec_short',
  'whsec_****************************',
  'whsec_dGVzdHRlc3Q=',
  'dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=',
]) {
  test(`“${token}” is not a signing token`, () => {
    assert.throws(() => decodeSigningToken(token), TypeError);
  });
}
