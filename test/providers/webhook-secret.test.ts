import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { replayKeyOf } from '../../providers/replay-key.ts';
import { isSameSecret, isSignedBy, webhookSecret } from '../../providers/webhook-secret.ts';

const masterKey = 'a master key of at least 32 characters';

test('a derived secret is what the reference says', () => {
  const expected = createHmac('sha256', masterKey)
    .update('swarm-utils/webhook/v1/github/acme/shop')
    .digest('base64url');
  assert.equal(webhookSecret(masterKey, 'github', 'acme/shop'), expected);
  assert.equal(webhookSecret(masterKey, 'github', 'acme/shop').length, 43);
});

test('upper and lower case make no difference', () => {
  assert.equal(
    webhookSecret(masterKey, 'github', 'Acme/Shop'),
    webhookSecret(masterKey, 'github', 'acme/shop'),
  );
});

test('platform, repository and master key each make another secret', () => {
  const secrets = new Set([
    webhookSecret(masterKey, 'github', 'acme/shop'),
    webhookSecret(masterKey, 'gitlab', 'acme/shop'),
    webhookSecret(masterKey, 'github', 'acme/shop2'),
    webhookSecret(`${masterKey}!`, 'github', 'acme/shop'),
    webhookSecret(masterKey, 'gitlab', 'acme'),
  ]);
  assert.equal(secrets.size, 5);
});

for (const repository of [
  '',
  'acme',
  'acme/shop/x',
  '/shop',
  'acme/',
  'acme/..',
  'acme/sh op',
  '-acme/shop',
]) {
  test(`there is no secret for “${repository}” on GitHub`, () => {
    assert.throws(() => webhookSecret(masterKey, 'github', repository), TypeError);
  });
}

for (const path of [
  '',
  '/',
  'acme/',
  'acme//shop',
  'acme/../shop',
  'acme/./shop',
  'acme/shöp',
  'a/'.repeat(30),
]) {
  test(`there is no secret for “${path.slice(0, 12)}” on GitLab`, () => {
    assert.throws(() => webhookSecret(masterKey, 'gitlab', path), TypeError);
  });
}

// GitHub's documentation and the tests of adnanh/webhook.
for (const [secret, body, signature] of [
  [
    "It's a Secret to Everybody",
    'Hello, World!',
    '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  ],
  ['secret', '{"a": "z"}', 'f417af3a21bd70379b5796d5f013915e7029f62c580fb0f500f59a35a6f04c89'],
  ['secret', '', 'f9e66e179b6747ae54108f82f8ade8b3c25d76fd30afde6c395822c530196169'],
] as const) {
  test(`the published signature of “${body}” verifies, and no other does`, () => {
    const bytes = Buffer.from(body);
    assert.equal(isSignedBy(secret, bytes, `sha256=${signature}`), true);
    for (const wrong of [
      undefined,
      '',
      signature,
      `sha1=${signature}`,
      `sha256=${signature.toUpperCase()}`,
      `sha256=${signature}00`,
      `sha256=${signature.slice(0, -2)}`,
      `sha256= ${signature}`,
      `sha256=${signature},sha256=${signature}`,
      `sha256=${'0'.repeat(64)}`,
    ]) {
      assert.equal(isSignedBy(secret, bytes, wrong), false, String(wrong));
    }
    assert.equal(isSignedBy(`${secret}.`, bytes, `sha256=${signature}`), false);
    assert.equal(isSignedBy(secret, Buffer.from(`${body} `), `sha256=${signature}`), false);
  });
}

test('the raw bytes are signed, also where they are not text', () => {
  const bytes = Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x7d]);
  const signature = `sha256=${createHmac('sha256', 'secret').update(bytes).digest('hex')}`;
  assert.equal(isSignedBy('secret', bytes, signature), true);
  assert.equal(isSignedBy('secret', Buffer.from(bytes.toString('utf8')), signature), false);
});

test('secrets are compared as a whole', () => {
  assert.equal(isSameSecret('secret', 'secret'), true);
  for (const other of ['', 'secre', 'secrets', 'Secret']) {
    assert.equal(isSameSecret(other, 'secret'), false);
  }
});

test('a replay key tells its parts apart', () => {
  assert.notEqual(replayKeyOf('a', 'bc'), replayKeyOf('ab', 'c'));
  assert.equal(replayKeyOf('a', 'bc'), replayKeyOf('a', Buffer.from('bc')));
});
