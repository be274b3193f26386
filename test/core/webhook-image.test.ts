import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Delivery } from '../../providers/provider.ts';
import { formatImageReference } from '../../src/core/image-reference.ts';
import { imageForDelivery, isImageTemplate } from '../../src/core/webhook-image.ts';
import { deliveryOf, digestA, gitlabIdentity, targetWith } from './examples.ts';

const sha = '0123456789abcdef0123456789abcdef01234567';

function imageOf(template: string | undefined, delivery: Partial<Delivery> = {}): string | undefined {
  const { labels } = targetWith(template === undefined ? {} : { image: template });
  const result = imageForDelivery(deliveryOf(delivery), labels.update.image);
  if ('fault' in result) {
    return `fault: ${result.fault}`;
  }
  return result.image && formatImageReference(result.image);
}

suite('the image that a webhook asks for', () => {
  test('is none without a label: the running reference anew', () =>
    assert.equal(imageOf(undefined, { sha }), undefined));

  test("is the event's own where it has one", () => {
    const image = `ghcr.io/acme/shop:v1@${digestA}`;
    assert.equal(imageOf('ghcr.io/acme/other:{sha}', { event: 'package', image }), image);
    assert.equal(imageOf(undefined, { event: 'package', image }), image);
  });

  test('is made of the label', () => {
    assert.equal(imageOf('ghcr.io/acme/shop:stable'), 'ghcr.io/acme/shop:stable');
    assert.equal(imageOf('ghcr.io/acme/shop:{sha}', { sha }), `ghcr.io/acme/shop:${sha}`);
    assert.equal(imageOf('ghcr.io/acme/shop:{tag}', { tag: 'v1.2' }), 'ghcr.io/acme/shop:v1.2');
    assert.equal(
      imageOf('ghcr.io/acme/shop:{branch}-{short_sha}', { branch: 'main', sha }),
      'ghcr.io/acme/shop:main-0123456',
    );
    assert.equal(imageOf('ghcr.io/acme/{branch}:1', { branch: 'main' }), 'ghcr.io/acme/main:1');
  });

  test("has the platform's own length of a short sha", () => {
    const template = 'ghcr.io/acme/shop:{short_sha}';
    assert.equal(imageOf(template, { sha }), 'ghcr.io/acme/shop:0123456');
    assert.equal(imageOf(template, { sha, identity: gitlabIdentity }), 'ghcr.io/acme/shop:01234567');
  });

  test('can not be told when the event lacks what the label needs', () => {
    for (const name of ['sha', 'short_sha', 'tag', 'branch']) {
      assert.match(
        imageOf(`ghcr.io/acme/shop:{${name}}`) ?? '',
        /^fault: The event push .*swarm-utils\.update\.image/,
      );
    }
    assert.match(imageOf('ghcr.io/acme/shop:{tag}-{sha}', { sha }) ?? '', /^fault/);
  });

  test('can not be told when a name does not fit: nothing is put right', () => {
    for (const branch of [
      'feature/x',
      'Ünicode',
      'a b',
      '',
      '-x',
      'x@sha256:1',
      '{sha}',
      '$&',
      'x'.repeat(129),
    ]) {
      assert.match(
        imageOf('ghcr.io/acme/shop:{branch}', { branch, sha }) ?? '',
        /^fault: .* is no image reference/,
        branch,
      );
    }
    assert.match(imageOf(undefined, { image: 'not an image' }) ?? '', /^fault/);
  });

  test('a name that reads like another repository stays a name of a tag', () => {
    for (const tag of ['1@sha256:x', '1/../../evil', 'evil.test/x:1', ':1', '1:2']) {
      assert.match(imageOf('ghcr.io/acme/shop:{tag}', { tag }) ?? '', /^fault/, tag);
    }
  });
});

suite('templates', () => {
  for (const right of [
    'nginx',
    'ghcr.io/acme/shop:{sha}',
    '{branch}:{tag}',
    'ghcr.io/{branch}/x:{short_sha}-{tag}',
  ]) {
    test(`${right} is one`, () => assert.equal(isImageTemplate(right), true));
  }
  for (const wrong of [
    '',
    '{',
    '{}',
    '{ sha }',
    '{SHA}',
    '{sha',
    'sha}',
    '{toString}',
    '{__proto__}',
    '{{sha}}',
    'Acme/{sha}',
    'a b',
    `x:{sha}${'a'.repeat(128)}`,
  ]) {
    test(`${JSON.stringify(wrong).slice(0, 40)} is none`, () => assert.equal(isImageTemplate(wrong), false));
  }
});
