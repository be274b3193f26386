import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { authorize, type LabelToken, redeemLabelToken } from '../../src/core/authorize.ts';
import type { Caller, UpdateRequest } from '../../src/core/operation.ts';
import type { ServiceTarget } from '../../src/core/target.ts';
import { digestA, shopIdentity, shopTarget, updateTo, workload } from './examples.ts';

interface Asked {
  caller: Caller;
  request: UpdateRequest;
  target: ServiceTarget;
}

function ask(change: Partial<Asked> = {}): Asked {
  return {
    caller: workload({ ...shopIdentity }),
    request: updateTo('ghcr.io/acme/shop:2'),
    target: shopTarget(),
    ...change,
  };
}

function allow({ caller, request, target }: Asked): LabelToken {
  const decision = authorize(caller, request, target);
  assert.ok(decision.allowed);
  return decision.labelToken;
}

suite('label tokens', () => {
  test('stand for caller, request and target', () => {
    const asked = ask();
    const content = redeemLabelToken(allow(asked));
    assert.deepEqual(content, { ...asked, targetKind: 'service', mustMatchTag: false });
  });

  test('say when the tag must be that of the digest', () => {
    const target = shopTarget({ labels: { 'image-allow': 'ghcr.io/acme/shop:v*' } });
    const pinned = updateTo(`ghcr.io/acme/shop:v1@${digestA}`);
    assert.equal(redeemLabelToken(allow(ask({ target, request: pinned }))).mustMatchTag, true);
    const byTag = updateTo('ghcr.io/acme/shop:v1');
    assert.equal(redeemLabelToken(allow(ask({ target, request: byTag }))).mustMatchTag, false);
    const admin = ask({ target, request: pinned, caller: { kind: 'admin' } });
    assert.equal(redeemLabelToken(allow(admin)).mustMatchTag, false);
  });

  test('show nothing of what they hold', () => {
    const token = allow(ask());
    assert.equal(JSON.stringify(token), '{}');
    assert.deepEqual(Reflect.ownKeys(token), []);
  });
});

suite('a forged label token is refused', () => {
  const token = allow(ask());
  const content = redeemLabelToken(token);
  const Class = token.constructor as new (...args: unknown[]) => LabelToken;
  const forgeries: Readonly<Record<string, () => unknown>> = {
    'an object literal': () => ({ ...content, '#content': content }),
    'an object of its prototype': () => Object.create(Object.getPrototypeOf(token)),
    'an object with the token as prototype': () => Object.create(token),
    'a spread copy': () => ({ ...token }),
    'an assigned copy': () => Object.assign(Object.create(Object.getPrototypeOf(token)), token),
    'a structured clone': () => structuredClone(token),
    'JSON and back': () => JSON.parse(JSON.stringify(token)),
    'a proxy': () => new Proxy(token, {}),
    'its class': () => Class,
    'its prototype': () => Object.getPrototypeOf(token),
    undefined: () => undefined,
    null: () => null,
    'a string': () => 'token',
    'its content': () => content,
  };
  for (const [what, forge] of Object.entries(forgeries)) {
    test(what, () => {
      assert.throws(() => redeemLabelToken(forge() as LabelToken), TypeError);
    });
  }

  test('the constructor, got from a token, wants a key that nobody has', () => {
    for (const key of [undefined, Symbol('label token'), Symbol.for('label token'), 'label token', {}]) {
      assert.throws(() => new Class(key, content), /Only authorize makes label tokens/);
      assert.throws(() => Reflect.construct(Class, [key, content], Object), /Only authorize/);
    }
  });

  test('a subclass can not get past it', () => {
    class Forged extends Class {
      constructor() {
        super(Symbol('label token'), content);
      }
    }
    assert.throws(() => new Forged(), /Only authorize makes label tokens/);
    const stamped = Object.setPrototypeOf({}, Forged.prototype);
    assert.throws(() => redeemLabelToken(stamped), TypeError);
  });

  test('the class holds no method that could be replaced by one that accepts anything', () => {
    assert.deepEqual(Reflect.ownKeys(Class.prototype), ['constructor']);
    const before = Reflect.ownKeys(Class);
    assert.deepEqual(before, ['length', 'name', 'prototype']);
    Object.assign(Class, { redeem: () => ({ ...content, caller: { kind: 'admin' } }) });
    assert.throws(() => redeemLabelToken({} as LabelToken), TypeError);
    assert.equal(redeemLabelToken(token).caller.kind, 'workload');
    Reflect.deleteProperty(Class, 'redeem');
  });
});

suite('what a label token stands for can not be altered after the fact', () => {
  test('neither through what was given to authorize nor through what was redeemed', () => {
    const asked = ask({
      target: shopTarget({ labels: { 'image-allow': 'ghcr.io/acme/*,quay.io/acme/x:v*' } }),
    });
    const content = redeemLabelToken(allow(asked));
    assert.ok(content.targetKind === 'service');
    const { update } = content.target.labels;
    const attempts: readonly (() => void)[] = [
      () => Object.assign(content, { caller: { kind: 'admin' } }),
      () => Object.assign(content, { mustMatchTag: false }),
      () => Object.assign(asked.request, { image: updateTo('evil.test/x').image }),
      () => Object.assign(asked.request.image ?? {}, { registry: 'evil.test' }),
      () => Object.assign(content.request, { isForce: true }),
      () => Object.assign(asked.target, { id: 'other-id' }),
      () => Object.assign(asked.target.labels.update, { imageAllow: [{ kind: 'any' }] }),
      () => Object.assign(asked.target.labels.update.registry, { url: 'evil.test' }),
      () => (update.imageAllow as unknown[]).push({ kind: 'any' }),
      () => Object.assign(update.grants[0] ?? {}, { refs: ['refs/heads/*'] }),
      () => (asked.target.labels.update.faults as unknown[]).push('x'),
      () => Object.assign(asked.caller, { kind: 'admin' }),
      () => {
        assert.ok(asked.caller.kind === 'workload');
        Object.assign(asked.caller.identities[0], { repository: 'evil/shop' });
      },
    ];
    const before = JSON.stringify(content);
    for (const attempt of attempts) {
      assert.throws(attempt, TypeError);
    }
    assert.equal(JSON.stringify(content), before);
  });
});
