import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseServiceLabels } from '../../src/core/labels.ts';
import { actionNames } from '../../src/core/operation.ts';
import { answer, shopIdentity, shopTarget, workload } from './examples.ts';

suite('a label whose prefix is nearly ours', () => {
  const fine = {
    'swarm-utils.update.enable': 'true',
    'swarm-utils.update.github.repository': 'acme/shop',
    'swarm-utils.update.github.ref': 'refs/heads/main',
  };
  for (const label of [
    'Swarm-utils.update.image-allow',
    'SWARM-UTILS.update.image-allow',
    'swarm_utils.update.image-allow',
    'swarm-util.update.image-allow',
    'swarmutils.update.image-allow',
    'swarm-utlis.update.image-allow',
    ' swarm-utils.update.image-allow',
    'swarm–utils.update.image-allow',
    'ѕwarm-utils.update.image-allow',
  ]) {
    test(`${label} is a fault that says what is meant, and stops every action`, () => {
      const labels = parseServiceLabels({ ...fine, [label]: 'ghcr.io/acme/shop:v*' });
      assert.deepEqual(labels.faults, [
        {
          label,
          value: 'ghcr.io/acme/shop:v*',
          message: 'is unknown (did you mean swarm-utils.update.image-allow?)',
        },
      ]);
      assert.deepEqual(
        actionNames.filter(action => labels[action].faults.length === 1),
        actionNames,
      );
      assert.equal(labels.update.grants.length, 1);
      assert.equal(labels.update.imageAllow, undefined);
    });
  }

  test('does not void a grant, but stops everything, when it looks like a part of one', () => {
    const labels = parseServiceLabels({ ...fine, 'swarm_utils.update.github.workflow': 'x' });
    assert.equal(labels.update.grants.length, 1);
    assert.equal(labels.update.faults.length, 1);
    assert.equal(labels.clean.faults.length, 1);
  });

  test('has a message also where nothing is near what follows', () => {
    const { faults } = parseServiceLabels({ 'swarmutils.x.y.z': '1' });
    assert.equal(faults[0]?.message, 'is unknown (did you mean swarm-utils.…?)');
  });

  test('does not show a value that is secret', () => {
    const { faults } = parseServiceLabels({
      'Swarm-utils.update.token': 'canary',
      'swarm_utils.update.registry.password': 'canary',
      'swarm_utils.update.registry.user': 'robot',
    });
    assert.deepEqual(
      faults.map(({ value }) => value),
      ['[redacted]', '[redacted]', 'robot'],
    );
  });

  test('is not any label of others', () => {
    const others = {
      'com.docker.stack.namespace': 'shop',
      'traefik.enable': 'true',
      'swarm.update': 'x',
      'swarm-tools.update.enable': 'x',
      'docker-utils.x': 'x',
      'swarm-cronjob.enable': 'true',
      'swarm-utils': 'x',
      utils: 'x',
      '': 'x',
      '.': 'x',
      [`${'swarm-utils'.repeat(10_000)}.x`]: 'x',
    };
    assert.deepEqual(parseServiceLabels(others).faults, []);
  });
});

test('the values of unknown labels that may be secrets are not shown', () => {
  for (const key of [
    'update.pw',
    'update.db-pw',
    'update.pass',
    'update.login',
    'update.bearer',
    'update.pat',
    'update.github.pat',
    'update.gitlabPat',
    'update.PAT',
    'update.auth',
    'update.credential',
    'update.hook',
    'update.slack-webhook',
    'update.webhookUrl',
    'update.cert',
    'update.tls.certificate',
    'update.private',
  ]) {
    const [fault] = parseServiceLabels({ [`swarm-utils.${key}`]: 'canary' }).faults;
    assert.equal(fault?.value, '[redacted]', key);
  }
  for (const key of ['update.path', 'update.image-pattern', 'update.image-alow', 'update.dispatch']) {
    const [fault] = parseServiceLabels({ [`swarm-utils.${key}`]: 'harmless' }).faults;
    assert.equal(fault?.value, 'harmless', key);
  }
});

test('a target with a near miss of the prefix is refused as one with a fault', () => {
  const target = shopTarget();
  const raw = {
    'swarm-utils.update.enable': 'true',
    'swarm-utils.update.github.repository': 'acme/shop',
    'swarm-utils.update.github.ref': 'refs/heads/main',
    'swarm_utils.update.image-allow': 'ghcr.io/acme/shop:v*',
  };
  const missed = { ...target, labels: parseServiceLabels(raw) };
  assert.equal(answer(workload(shopIdentity), target), 'allowed');
  assert.equal(answer(workload(shopIdentity), missed), 'label_fault');
});
