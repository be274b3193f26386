import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decideImage, type ImageDecision, parseImagePattern } from '../../src/core/image-policy.ts';
import { digestA, image } from './examples.ts';

const running = `ghcr.io/acme/shop:1@${digestA}`;

function decide(reference: string, patterns?: string, runningImage = running): ImageDecision {
  const parsed = patterns?.split(',').map(text => {
    const pattern = parseImagePattern(text);
    assert.ok(pattern, text);
    return pattern;
  });
  return decideImage(image(reference), runningImage, parsed);
}

const isAllowed = (reference: string, patterns?: string, runningImage?: string) =>
  decide(reference, patterns, runningImage).allowed;

suite('without image-allow', () => {
  for (const reference of [
    'ghcr.io/acme/shop',
    'ghcr.io/acme/shop:2',
    `ghcr.io/acme/shop@${digestA}`,
    'GHCR.io/acme/shop:x',
  ]) {
    test(`${reference} is of the running repository`, () => assert.equal(isAllowed(reference), true));
  }
  for (const reference of [
    'ghcr.io/acme/shop2',
    'ghcr.io/acme/sho',
    'ghcr.io/acme/shop/x',
    'ghcr.io/evil/acme/shop',
    'acme/shop',
    'docker.io/acme/shop',
    'quay.io/acme/shop',
    'ghcr.io:443/acme/shop',
    'ghcr.io.evil.test/acme/shop',
    'shop',
  ]) {
    test(`${reference} is not`, () => assert.equal(isAllowed(reference), false));
  }
  test("Docker Hub's spellings are one", () => {
    for (const spelling of ['nginx', 'library/nginx:1', 'docker.io/nginx', 'index.docker.io/library/nginx']) {
      assert.equal(isAllowed(spelling, undefined, 'nginx:1'), true);
      assert.equal(isAllowed('nginx:2', undefined, spelling), true);
    }
    assert.equal(isAllowed('acme/nginx', undefined, 'nginx'), false);
  });
  test('a running image that is no reference allows none', () => {
    for (const odd of ['', digestA, 'a'.repeat(64), 'x y']) {
      assert.equal(isAllowed('nginx', undefined, odd), false);
    }
  });
  test('the refusal says what would help', () => {
    const decision = decide('quay.io/x/y:1');
    assert.match(decision.allowed ? '' : decision.message, /quay\.io\/x\/y:1 .*image-allow/s);
  });
});

suite('image-allow', () => {
  const cases: readonly (readonly [
    patterns: string,
    allowed: readonly string[],
    refused: readonly string[],
  ])[] = [
    ['*', ['nginx', 'evil.test/x'], []],
    [
      'ghcr.io/acme/shop',
      [
        'ghcr.io/acme/shop',
        'ghcr.io/acme/shop:x',
        `ghcr.io/acme/shop@${digestA}`,
        `ghcr.io/acme/shop:x@${digestA}`,
      ],
      [
        'ghcr.io/acme/shop2',
        'ghcr.io/acme/shop/x',
        'quay.io/acme/shop',
        'acme/shop',
        'evil.test/ghcr.io/acme/shop',
      ],
    ],
    [
      'ghcr.io/acme/*',
      ['ghcr.io/acme/shop', 'ghcr.io/acme/a/b:1'],
      ['ghcr.io/acme2/shop', 'ghcr.io/acme-evil/x', 'ghcr.io/evil/acme/x', 'quay.io/acme/x', 'acme/x'],
    ],
    [
      'ghcr.io/acme/shop*',
      ['ghcr.io/acme/shop', 'ghcr.io/acme/shop-api', 'ghcr.io/acme/shop/x'],
      ['ghcr.io/acme/sho'],
    ],
    ['ghcr.io/*', ['ghcr.io/a/b', 'ghcr.io/a'], ['ghcr.io.evil.test/a', 'a/b', 'quay.io/a']],
    [
      'ghcr.io/acme/shop:v*',
      ['ghcr.io/acme/shop:v1', 'ghcr.io/acme/shop:v'],
      [
        'ghcr.io/acme/shop:1',
        'ghcr.io/acme/shop',
        'ghcr.io/acme/shop:V1',
        `ghcr.io/acme/shop@${digestA}`,
        'ghcr.io/acme/shop2:v1',
      ],
    ],
    [
      'ghcr.io/acme/shop:stable',
      ['ghcr.io/acme/shop:stable'],
      ['ghcr.io/acme/shop:stable2', 'ghcr.io/acme/shop:stabl', 'ghcr.io/acme/shop'],
    ],
    ['ghcr.io/acme/shop:latest', ['ghcr.io/acme/shop', 'ghcr.io/acme/shop:latest'], ['ghcr.io/acme/shop:1']],
    [
      'ghcr.io/acme/shop:*',
      ['ghcr.io/acme/shop:1', 'ghcr.io/acme/shop'],
      [`ghcr.io/acme/shop@${digestA}`, 'ghcr.io/acme/x:1'],
    ],
    ['ghcr.io/acme/*:v*', ['ghcr.io/acme/x:v1'], ['ghcr.io/acme/x:1', 'ghcr.io/other/x:v1']],
    ['nginx', ['nginx:1', 'docker.io/library/nginx'], ['acme/nginx', 'nginx2']],
    ['acme/*', ['acme/x'], ['ghcr.io/acme/x', 'x']],
    ['localhost:5000/*', ['localhost:5000/x'], ['localhost/x', 'localhost:5001/x']],
    ['GHCR.IO/acme/shop', ['ghcr.io/acme/shop'], []],
    ['ghcr.io/a/b,quay.io/c/*', ['ghcr.io/a/b', 'quay.io/c/d'], ['ghcr.io/c/d', 'quay.io/a/b']],
  ];
  for (const [patterns, allowed, refused] of cases) {
    test(patterns, () => {
      for (const reference of allowed) {
        assert.equal(isAllowed(reference, patterns), true, reference);
      }
      for (const reference of refused) {
        assert.equal(isAllowed(reference, patterns), false, reference);
      }
    });
  }

  test('replaces the default: the running repository must be in it too', () => {
    assert.equal(isAllowed('ghcr.io/acme/shop:2', 'quay.io/acme/*'), false);
  });

  test('a tag that decorates a digest must be that of the digest where only a tag pattern allows it', () => {
    const pinned = `ghcr.io/acme/shop:v1@${digestA}`;
    const expected: readonly (readonly [string, string, boolean, boolean])[] = [
      [pinned, 'ghcr.io/acme/shop:v*', true, true],
      [pinned, 'ghcr.io/acme/*:v1', true, true],
      ['ghcr.io/acme/shop:v1', 'ghcr.io/acme/shop:v*', false, true],
      [pinned, 'ghcr.io/acme/shop', false, false],
      [pinned, '*', false, false],
      [pinned, 'ghcr.io/acme/shop:v*,ghcr.io/acme/*', false, true],
      [pinned, 'ghcr.io/acme/shop:v*,quay.io/x', true, true],
    ];
    for (const [reference, patterns, mustMatchTag, byTagPattern] of expected) {
      assert.deepEqual(
        decide(reference, patterns),
        { allowed: true, mustMatchTag, byTagPattern },
        `${reference} ${patterns}`,
      );
    }
    assert.deepEqual(decide(pinned), { allowed: true, mustMatchTag: false, byTagPattern: false });
  });

  for (const bad of [
    '',
    ' ',
    '**',
    '*/x',
    '*x',
    'a*b',
    'ghcr.io/*/x',
    'ghcr.io/a**',
    'x:',
    'x:*y',
    'x:a*b',
    'x:**',
    'x:1:2',
    `x@${digestA}`,
    'X',
    'ghcr.io/Acme*',
    'a b',
    'x:a b',
    `x:${'t'.repeat(129)}`,
    'https://ghcr.io/x',
    '/x',
    'x/',
    `${'a'.repeat(100_000)}*`,
  ]) {
    test(`${JSON.stringify(bad).slice(0, 60)} is no pattern`, () =>
      assert.equal(parseImagePattern(bad), undefined));
  }
});
