import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { OperationError } from '../../src/core/errors.ts';
import type { RegistryLabels } from '../../src/core/labels.ts';
import { findRegistryCredentials, type RegistryCredentials } from '../../src/core/registry-credentials.ts';

const ofLabels: RegistryLabels = {
  auth: true,
  user: 'label-user',
  password: 'canary-label',
  url: 'https://GHCR.io/',
};
const first: RegistryCredentials = { registry: 'ghcr.io', username: 'first', password: 'canary-first' };
const second: RegistryCredentials = { registry: 'ghcr.io', username: 'second', password: 'canary-second' };
const hub: RegistryCredentials = {
  registry: 'https://index.docker.io/v1/',
  username: 'hub',
  password: 'canary-hub',
};

suite('the login for a registry', () => {
  test("is the service's own, then the environment's in its order", () => {
    const { username, registry } = findRegistryCredentials('ghcr.io', ofLabels, [first, second]) ?? {};
    assert.deepEqual([username, registry], ['label-user', 'ghcr.io']);
    assert.equal(findRegistryCredentials('ghcr.io', { auth: true }, [hub, first, second])?.username, 'first');
    assert.equal(findRegistryCredentials('ghcr.io', {}, [first, second])?.username, 'first');
    assert.equal(findRegistryCredentials('docker.io', {}, [first, hub])?.username, 'hub');
  });

  test('only goes to the registry that it was given for', () => {
    for (const other of ['ghcr.io.evil.test', 'evil.test', 'ghcr.io:443', 'docker.io', 'hcr.io', '']) {
      assert.equal(findRegistryCredentials(other, {}, [first, second]), undefined, other);
      assert.throws(() => findRegistryCredentials(other, ofLabels, [first]), OperationError, other);
    }
  });

  test('is not sent with auth=false', () => {
    assert.equal(findRegistryCredentials('ghcr.io', { ...ofLabels, auth: false }, [first]), undefined);
  });

  test('of labels counts with auth=true only', () => {
    const { auth: _, ...silent } = ofLabels;
    assert.equal(findRegistryCredentials('ghcr.io', silent, []), undefined);
    assert.equal(findRegistryCredentials('ghcr.io', silent, [first])?.username, 'first');
  });

  test('of labels counts as a whole: a part of it is never mixed with the environment', () => {
    for (const missing of ['user', 'password', 'url'] as const) {
      const { [missing]: _, ...part } = ofLabels;
      const found = findRegistryCredentials('ghcr.io', part, [first]);
      assert.deepEqual(found, first, missing);
      assert.throws(() => findRegistryCredentials('ghcr.io', part, [hub]), {
        code: 'registry_credentials_missing',
      });
    }
  });

  test("that is missing is the seed's error, which names what to set and no secret", () => {
    assert.throws(
      () => findRegistryCredentials('quay.io', ofLabels, [first]),
      (error: OperationError) => {
        assert.equal(error.code, 'registry_credentials_missing');
        assert.match(
          error.message,
          /quay\.io.*swarm-utils\.update\.registry\.user.*SWARM_UTILS_REGISTRY_AUTH/,
        );
        assert.doesNotMatch(error.message, /canary/);
        return true;
      },
    );
  });

  test('is none where none is needed or known', () => {
    assert.equal(findRegistryCredentials('ghcr.io', {}, []), undefined);
  });
});
