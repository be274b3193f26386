import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  formatImageReference,
  normalizeRegistry,
  parseImageName,
  parseImageReference,
} from '../../src/core/image-reference.ts';
import { digestA } from './examples.ts';

const sha512 = `sha512:${'0'.repeat(128)}`;

suite('image references', () => {
  // Vectors of github.com/distribution/reference (reference_test.go, normalize_test.go) and of `docker pull`.
  const right: Readonly<Record<string, string>> = {
    nginx: 'docker.io/library/nginx:latest',
    'nginx:1.27-alpine': 'docker.io/library/nginx:1.27-alpine',
    'library/nginx': 'docker.io/library/nginx:latest',
    'docker.io/nginx': 'docker.io/library/nginx:latest',
    'docker.io/library/nginx:1': 'docker.io/library/nginx:1',
    'index.docker.io/nginx': 'docker.io/library/nginx:latest',
    'registry-1.docker.io/acme/shop:1': 'docker.io/acme/shop:1',
    'DOCKER.IO/nginx': 'docker.io/library/nginx:latest',
    'acme/shop': 'docker.io/acme/shop:latest',
    'acme/shop/api': 'docker.io/acme/shop/api:latest',
    'ghcr.io/acme/shop': 'ghcr.io/acme/shop:latest',
    'GHCR.IO/acme/shop:V1.2': 'ghcr.io/acme/shop:V1.2',
    'LOCALHOST/shop': 'localhost/shop:latest',
    'REGISTRY:5000/shop': 'registry:5000/shop:latest',
    // Without a slash there is no host.
    'ghcr.io': 'docker.io/library/ghcr.io:latest',
    'ghcr.io:443': 'docker.io/library/ghcr.io:443',
    'localhost/shop': 'localhost/shop:latest',
    'localhost:5000/shop': 'localhost:5000/shop:latest',
    'registry:5000/shop:1': 'registry:5000/shop:1',
    'registry.example.com:5000/a/b_c/d__e/f-g---h/i.j:T_a.g-1':
      'registry.example.com:5000/a/b_c/d__e/f-g---h/i.j:T_a.g-1',
    '192.168.0.1:5000/shop': '192.168.0.1:5000/shop:latest',
    '[2001:db8::1]:5000/shop:2': '[2001:db8::1]:5000/shop:2',
    '[::1]/shop': '[::1]/shop:latest',
    'xn--n3h.com/shop:_x': 'xn--n3h.com/shop:_x',
    'a-b.c/d': 'a-b.c/d:latest',
    [`nginx@${digestA}`]: `docker.io/library/nginx@${digestA}`,
    [`nginx:1@${digestA}`]: `docker.io/library/nginx:1@${digestA}`,
    [`ghcr.io/acme/shop@${sha512}`]: `ghcr.io/acme/shop@${sha512}`,
    [`a:${'t'.repeat(128)}`]: `docker.io/library/a:${'t'.repeat(128)}`,
    [`x.y/${'r'.repeat(255)}`]: `x.y/${'r'.repeat(255)}:latest`,
    [`${'a'.repeat(63)}`]: `docker.io/library/${'a'.repeat(63)}:latest`,
    [`${'a'.repeat(65)}`]: `docker.io/library/${'a'.repeat(65)}:latest`,
    [`acme/${'a'.repeat(64)}`]: `docker.io/acme/${'a'.repeat(64)}:latest`,
  };
  for (const [text, full] of Object.entries(right)) {
    test(`${text.slice(0, 80)} is ${full.slice(0, 80)}`, () => {
      const reference = parseImageReference(text);
      assert.ok(reference);
      assert.equal(formatImageReference(reference), full);
      assert.deepEqual(parseImageReference(full), reference);
    });
  }

  const hex = 'a'.repeat(64);
  const wrong: readonly string[] = [
    '',
    ' ',
    ':',
    '@',
    '/',
    ':1',
    '/nginx',
    'nginx/',
    'nginx:',
    'nginx@',
    'nginx:1:2',
    'nginx@@',
    'Nginx',
    'acme/Shop',
    'ghcr.io/Acme/shop',
    'ghcr.io//shop',
    'ghcr.io/acme//shop',
    'ghcr.io/acme/shop/',
    'ghcr.io/acme/.shop',
    'ghcr.io/acme/shop.',
    'ghcr.io/acme/-shop',
    'ghcr.io/acme/shop-',
    'ghcr.io/acme/_shop',
    'ghcr.io/acme/sh..op',
    'ghcr.io/acme/sh___op',
    'ghcr.io/acme/sh._op',
    'ghcr.io/../shop',
    '../shop',
    './shop',
    '-x',
    '--privileged',
    '-f/x',
    'ghcr.io/',
    // Hosts to Docker by their case, and paths on Docker Hub once that is gone.
    'Registry/acme/shop:1',
    'rEgistry/shop',
    '.io/shop',
    'ghcr..io/shop',
    '-ghcr.io/shop',
    'ghcr-.io/shop',
    'ghcr_x.io/shop',
    'ghcr.io:/shop',
    'ghcr.io:x/shop',
    'ghcr.io:123456/shop',
    'ghcr.io:5000:5000/shop',
    'user@ghcr.io/shop',
    'user:pass@ghcr.io/shop',
    'https://ghcr.io/acme/shop',
    'docker://nginx',
    '[::1/shop',
    '::1/shop',
    '[::g]/shop',
    '[]/shop',
    '[fe80::1%eth0]/shop',
    'nginx:-1',
    'nginx:.1',
    'nginx:a/b',
    'nginx:a+b',
    `nginx:${'t'.repeat(129)}`,
    `x.y/${'r'.repeat(256)}`,
    `x.y/${'r/'.repeat(127)}rr`,
    hex,
    `${hex}:1`,
    `nginx@${hex}`,
    `nginx@sha256:${'a'.repeat(63)}`,
    `nginx@sha256:${'a'.repeat(65)}`,
    `nginx@sha256:${'A'.repeat(64)}`,
    `nginx@sha256:${'g'.repeat(64)}`,
    `nginx@SHA256:${hex}`,
    `nginx@md5:${'a'.repeat(32)}`,
    `nginx@sha512:${hex}`,
    `nginx@sha256:${hex}@sha256:${hex}`,
    `nginx@sha256:${hex}:1`,
    `nginx@sha256:${hex}\n`,
    'nginx\n',
    '\nnginx',
    'nginx\0',
    'nginx\t:1',
    'nginx :1',
    'nginx:1 ',
    'nginx:1\r\n',
    'ngïnx',
    'аcme/shop', // Cyrillic
    'ghcr\u2024io/acme/shop', // one dot leader
    'docker.io\u2215library/nginx',
    'ghcr.io/acme/shop:\u202e1v',
    'x$(id)',
    '`id`',
    'x;id',
    'x|id',
    'x&y',
    "x'y",
    'x"y',
    '$x',
    '{x}',
    'nginx:1 --force',
    '*',
    'ghcr.io/acme/*',
    'null\u0000/x',
  ];
  for (const text of wrong) {
    test(`${JSON.stringify(text).slice(0, 80)} is none`, () =>
      assert.equal(parseImageReference(text), undefined));
  }

  test('a name alone is parsed too', () => {
    assert.deepEqual(parseImageName('nginx'), { registry: 'docker.io', repository: 'library/nginx' });
    for (const text of ['nginx:1', `nginx@${digestA}`, hex, 'x'.repeat(5000), '']) {
      assert.equal(parseImageName(text), undefined);
    }
  });
});

suite('registries', () => {
  const same: Readonly<Record<string, string>> = {
    'ghcr.io': 'ghcr.io',
    'https://GHCR.io/': 'ghcr.io',
    'http://registry.example.com:5000/v2/': 'registry.example.com:5000',
    'https://index.docker.io/v1/': 'docker.io',
    'registry-1.docker.io': 'docker.io',
    'registry.hub.docker.com': 'docker.io',
    'docker.io': 'docker.io',
    'ghcr.io\n/x': 'ghcr.io\n',
    '': '',
  };
  for (const [text, host] of Object.entries(same)) {
    test(`${JSON.stringify(text)} is ${JSON.stringify(host)}`, () =>
      assert.equal(normalizeRegistry(text), host));
  }

  test('those that only look alike stay apart', () => {
    for (const other of [
      'ghcr.io.evil.test',
      'evil-ghcr.io',
      'ghcr.io:443',
      'ghcr.io.',
      'https://https://ghcr.io',
    ]) {
      assert.notEqual(normalizeRegistry(other), 'ghcr.io', other);
    }
  });
});

suite('no text takes long', () => {
  const n = 100_000;
  const adversarial = {
    'letters, then junk': `${'a'.repeat(n)}!`,
    'separators, then junk': `${'a-'.repeat(n)}!`,
    dashes: `a${'-'.repeat(n)}`,
    'dashes between': `${'a---'.repeat(n)}!`,
    underscores: `a${'_'.repeat(n)}a`,
    'dots and letters': `${'a.'.repeat(n)}/x`,
    'host of dashes': `${'a-'.repeat(n)}.b/x`,
    slashes: '/'.repeat(n),
    'slashes, then a line': `${'/'.repeat(n)}\n`,
    'path segments': `${'a/'.repeat(n)}!`,
    colons: ':'.repeat(n),
    ats: '@'.repeat(n),
    'long tag': `a:${'t'.repeat(n)}`,
    'long digest': `a@sha256:${'a'.repeat(n)}`,
    brackets: `[${':'.repeat(n)}]/x`,
  };
  for (const [what, text] of Object.entries(adversarial)) {
    test(what, () => {
      const start = performance.now();
      assert.equal(parseImageReference(text), undefined);
      assert.equal(parseImageName(text), undefined);
      normalizeRegistry(text);
      assert.ok(performance.now() - start < 100);
    });
  }

  test('nor does one that is just short enough', () => {
    for (const unit of ['a', 'a-', 'a.', 'a_', '-', 'a/', 'a--']) {
      const start = performance.now();
      parseImageReference(`${unit.repeat(1023 / unit.length)}!`);
      parseImageReference(`x.y/${unit.repeat(1000 / unit.length)}!`);
      assert.ok(performance.now() - start < 20, unit);
    }
  });
});
