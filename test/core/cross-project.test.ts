import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { VerifiedIdentity } from '../../providers/provider.ts';
import {
  answer,
  deliveryCaller,
  gitlabIdentity,
  type Labels,
  shopIdentity,
  shopTarget,
  shopWebhookIdentity,
  targetWith,
  tokenCaller,
  updateTo,
  workload,
} from './examples.ts';

// A is acme/shop, whose service this is. B is whoever else can get a valid credential of his own.

suite('B can not act on A', () => {
  const labels = { token: 'token-of-a', 'github.on': 'push' };

  test("with B's token", () => {
    assert.equal(answer(tokenCaller('token-of-b'), shopTarget({ labels })), 'token_mismatch');
  });

  test("with B's webhook, whatever ids its body claims", () => {
    const identity = { ...shopWebhookIdentity, repository: 'acme/blog' };
    assert.equal(answer(deliveryCaller({ identity }), shopTarget({ labels })), 'repository_mismatch');
    assert.equal(
      answer(deliveryCaller({ identity: { ...identity, repositoryId: '1001' } }), shopTarget({ labels })),
      'repository_mismatch',
    );
  });

  test("with B's valid OIDC token", () => {
    const identity = { ...shopIdentity, repository: 'acme/blog', repositoryId: '1002' };
    assert.equal(answer(workload(identity), shopTarget({ labels })), 'repository_mismatch');
  });

  test('with a token of A from a pull request or a merge request', () => {
    for (const startedBy of ['pull_request', 'pull_request_target', 'workflow_run']) {
      assert.equal(answer(workload({ ...shopIdentity, startedBy })), 'event_not_allowed', startedBy);
    }
    const gitlab = targetWith({
      enable: 'true',
      'gitlab.repository': 'acme/shop',
      'gitlab.ref': 'refs/heads/main',
    });
    const identity: VerifiedIdentity = { ...gitlabIdentity, startedBy: 'merge_request_event' };
    assert.equal(answer(workload(identity), gitlab), 'event_not_allowed');
  });

  test('unless the label names pull requests', () => {
    const target = shopTarget({ labels: { 'github.event': 'pull_request' } });
    assert.equal(answer(workload({ ...shopIdentity, startedBy: 'pull_request' }), target), 'allowed');
    assert.equal(answer(workload(shopIdentity), target), 'event_not_allowed');
  });

  test('with the ref of a pull request', () => {
    for (const ref of ['refs/pull/1/merge', 'refs/merge-requests/1/head', 'main', 'heads/main', '']) {
      assert.equal(answer(workload({ ...shopIdentity, ref })), 'ref_mismatch', ref);
    }
  });

  test('with the same claims from another provider', () => {
    for (const provider of ['github-org', 'gitlab'] as const) {
      assert.equal(answer(workload({ ...shopIdentity, provider, refProtected: true })), 'no_grant', provider);
    }
  });

  test('with the same claims from github where github-org is granted', () => {
    const target = targetWith({
      enable: 'true',
      'github-org.repository': 'acme/*',
      'github-org.ref': 'refs/heads/main',
      'github-org.on': 'push',
    });
    assert.equal(answer(workload(shopIdentity), target), 'no_grant');
    assert.equal(answer(deliveryCaller(), target), 'no_grant');
    assert.equal(answer(workload({ ...shopIdentity, provider: 'github-org' }), target), 'allowed');
  });

  test("with A's token onto another image", () => {
    const target = shopTarget({ labels: { token: 'token-of-a' } });
    assert.equal(
      answer(tokenCaller('token-of-a'), target, updateTo('evil.test/acme/shop:1')),
      'image_not_allowed',
    );
  });
});

suite('names that look alike', () => {
  for (const repository of [
    'acme/shop2',
    'acme/sho',
    'acme/shop-',
    'acme/shop/x',
    'acme/shop/',
    '/acme/shop',
    'evil/acme/shop',
    'xacme/shop',
    'acme//shop',
    'acme/shop ',
    ' acme/shop',
    'acme/shop\n',
    'acme/shop\0',
    'acme.shop',
    'acme\\shop',
    'acme%2Fshop',
    'acme',
    'shop',
    '',
    '*',
    'acme/*',
    'аcme/shop', // Cyrillic
    'acme/ѕhop',
    'ａcme/shop', // full width
    'acme/sho\u0301p',
    'acme/shop\u200b',
    'acme/\u017fhop', // long s, which upper case makes an S
  ]) {
    test(`${JSON.stringify(repository)} is not acme/shop`, () => {
      assert.equal(answer(workload({ ...shopIdentity, repository })), 'repository_mismatch');
    });
  }

  test('case is no difference', () => {
    for (const repository of ['Acme/Shop', 'ACME/SHOP']) {
      assert.equal(answer(workload({ ...shopIdentity, repository })), 'allowed');
    }
    assert.equal(
      answer(workload(shopIdentity), shopTarget({ labels: { 'github.repository': 'ACME/Shop' } })),
      'allowed',
    );
  });

  test('the Kelvin sign is no k, though its lower case is one', () => {
    const target = shopTarget({ labels: { 'github.repository': 'acme/kiosk' } });
    assert.equal(answer(workload({ ...shopIdentity, repository: 'acme/KIOSK' }), target), 'allowed');
    for (const repository of ['acme/\u212aiosk', 'acme/kios\u212a']) {
      assert.equal(repository.toLowerCase(), 'acme/kiosk');
      assert.equal(answer(workload({ ...shopIdentity, repository }), target), 'repository_mismatch');
    }
  });

  test("an organisation's wildcard covers its repositories and no other's", () => {
    const target = targetWith({
      enable: 'true',
      'github-org.repository': 'acme/*',
      'github-org.ref': 'refs/heads/main',
    });
    const ask = (repository: string) =>
      answer(workload({ ...shopIdentity, provider: 'github-org', repository }), target);
    assert.equal(ask('acme/anything'), 'allowed');
    assert.equal(ask('ACME/Anything'), 'allowed');
    for (const repository of [
      'acme2/shop',
      'acme-evil/shop',
      'evil/acme',
      'xacme/shop',
      'acme',
      'evil/acme/shop',
    ]) {
      assert.equal(ask(repository), 'repository_mismatch', repository);
    }
  });
});

suite('refs that look alike', () => {
  const traps: readonly (readonly [
    pattern: string,
    allowed: readonly string[],
    refused: readonly string[],
  ])[] = [
    [
      'refs/heads/main',
      ['refs/heads/main'],
      [
        'refs/heads/main-evil',
        'refs/heads/main/evil',
        'refs/heads/mai',
        'refs/heads/Main',
        'refs/tags/main',
        'refs/heads/evil/main',
        'refs/heads/refs/heads/main',
        'refs/heads/main ',
        'xrefs/heads/main',
      ],
    ],
    [
      'refs/heads/release-*',
      ['refs/heads/release-1', 'refs/heads/release-', 'refs/heads/release-1/x'],
      ['refs/heads/release', 'refs/heads/releaseX', 'refs/tags/release-1', 'refs/heads/x/release-1'],
    ],
    ['refs/heads/release/*', ['refs/heads/release/1'], ['refs/heads/release', 'refs/heads/release-evil/1']],
    [
      'refs/heads/*',
      ['refs/heads/main', 'refs/heads/a/b'],
      ['refs/tags/v1', 'refs/pull/1/merge', 'refs/headsx'],
    ],
    ['refs/tags/v*', ['refs/tags/v1', 'refs/tags/v'], ['refs/tags/V1', 'refs/tags/1', 'refs/heads/v1']],
    ['refs/heads/a.b', ['refs/heads/a.b'], ['refs/heads/axb', 'refs/heads/a.b.c']],
  ];
  for (const [pattern, allowed, refused] of traps) {
    test(`${pattern} takes ${allowed.join(', ')} and not ${refused.join(', ')}`, () => {
      const target = shopTarget({ labels: { 'github.ref': pattern } });
      for (const ref of allowed) {
        assert.equal(answer(workload({ ...shopIdentity, ref }), target), 'allowed', ref);
      }
      for (const ref of refused) {
        assert.equal(answer(workload({ ...shopIdentity, ref }), target), 'ref_mismatch', ref);
      }
    });
  }
});

suite('names that were given away', () => {
  const ids: Labels = { 'github.repository-id': '1001' };
  test('the repository that has the name today is not the one with the id', () => {
    const today = { ...shopIdentity, repositoryId: '5555' };
    assert.equal(answer(workload(today), shopTarget({ labels: ids })), 'repository_id_mismatch');
  });
  test('an id alone follows its repository through renames', () => {
    const target = targetWith({ enable: 'true', ...ids, 'github.ref': 'refs/heads/main' });
    assert.equal(answer(workload({ ...shopIdentity, repository: 'acme/renamed' }), target), 'allowed');
    for (const repositoryId of ['10011', '100', '01001', '1001 ', '1001,7', '']) {
      assert.equal(
        answer(workload({ ...shopIdentity, repositoryId }), target),
        'repository_id_mismatch',
        repositoryId,
      );
    }
  });
});
