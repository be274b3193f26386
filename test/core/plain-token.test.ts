import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import { format, inspect } from 'node:util';
import { PlainToken, parseTokenSecret, type TokenSecret } from '../../src/core/plain-token.ts';

const text = 'canary-token';
const hash = createHash('sha256').update(text).digest('hex');

function secretOf(value: string): TokenSecret {
  const secret = parseTokenSecret(value);
  assert.ok(secret, value);
  return secret;
}

suite('plain tokens', () => {
  test('a token matches its text and its hash, and nothing else', () => {
    for (const expected of [text, `sha256:${hash}`]) {
      const secret = secretOf(expected);
      assert.equal(new PlainToken(text).matches(secret), true);
      for (const wrong of ['', `${text} `, ` ${text}`, text.toUpperCase(), `${text}\0`, text.slice(1)]) {
        assert.equal(new PlainToken(wrong).matches(secret), false, wrong);
      }
    }
  });

  test('who knows the hash alone is refused, however it is presented', () => {
    for (const presented of [hash, `sha256:${hash}`, `SHA256:${hash}`, hash.toUpperCase()]) {
      assert.equal(new PlainToken(presented).matches(secretOf(`sha256:${hash}`)), false, presented);
    }
  });

  test('tokens of any length and alphabet are compared', () => {
    for (const odd of ['x', 'пароль', '🔑', 'a'.repeat(1_000_000), 'a,b', '{"a":1}']) {
      assert.equal(new PlainToken(odd).matches(secretOf(odd)), true);
    }
  });

  test('bare hex is a token, since people make them so, and so is what only has a dollar or a brace', () => {
    for (const text of [
      hash,
      hash.slice(32),
      `${hash}${hash}`,
      'a$2b$c',
      '$secret',
      'sha',
      'shadow:1',
      '{',
      'md',
    ]) {
      assert.equal(new PlainToken(text).matches(secretOf(text)), true, text);
    }
  });

  for (const bad of [
    '',
    ' ',
    '\t\n',
    'sha256:',
    'sha256:abc',
    `sha256:${hash.toUpperCase()}`,
    `sha256:${hash}0`,
    `sha256:${hash.slice(1)}`,
    `sha256: ${hash}`,
    `sha256:${hash}\n`,
    ` sha256:${hash}`,
    `SHA256:${hash}`,
    `Sha-256:${hash}`,
    `sha256=${hash}`,
    `sha256-${hash}`,
    `sha512:${hash}${hash}`,
    `SHA-1:${hash.slice(24)}`,
    `sha3-256:${hash}`,
    `md5:${hash.slice(32)}`,
    `bcrypt:${hash}`,
    '$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy',
    '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy',
    '$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy',
    '$$2y$$10$$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy',
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b27dA',
    '$6$salt$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJu',
    '$apr1$salt$x',
    '{SHA256}u4ymZg==',
    '{SSHA}x',
    '{PBKDF2-SHA256}x',
  ]) {
    test(`${JSON.stringify(bad)} is no token: a hash must never become one`, () => {
      assert.equal(parseTokenSecret(bad), undefined);
    });
  }

  test('neither the token nor what is kept of it is shown by JSON, inspect, format or a copy', () => {
    const secret = secretOf(text);
    for (const value of [new PlainToken(text), secret]) {
      const shown = [
        JSON.stringify({ value }),
        inspect(value, { showHidden: true, depth: null, getters: true }),
        format('%s %o %O %j', value, value, value, value),
        String(value),
        `${Object.keys(value)}${JSON.stringify(Object.getOwnPropertyDescriptors(value))}`,
        inspect(structuredClone(value)),
      ].join('\n');
      assert.doesNotMatch(shown, new RegExp(`${text}|${hash}|${hash.slice(0, 6)}|Buffer|data`));
      assert.match(JSON.stringify({ value }), /\[redacted\]/);
    }
  });
});
