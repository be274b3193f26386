import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { planStore, type StoreDefaults } from '../../src/core/backup-store.ts';
import { parseServiceLabels } from '../../src/core/labels.ts';
import { backupDefaults } from './backup-defaults.ts';
import type { Labels } from './examples.ts';

const nothing: StoreDefaults = {
  s3: {
    url: undefined,
    isHttps: true,
    bucket: undefined,
    accessKey: undefined,
    secretKey: undefined,
    certificateAuthority: undefined,
  },
  retentionDays: 5,
  resticPassword: undefined,
};

function plan(labels: Labels = {}, defaults = backupDefaults.store, name = 'shop_db') {
  const written = Object.entries({ 'volume-list-upload': 'data', ...labels });
  const { backup, faults } = parseServiceLabels(
    Object.fromEntries(written.map(([key, value]) => [`swarm-utils.backup.${key}`, value])),
  );
  assert.deepEqual(faults, []);
  return planStore(name, backup, defaults);
}

const s3Labels = {
  'volume-list-upload.s3.url': 'other.test',
  'volume-list-upload.s3.https': 'false',
  'volume-list-upload.s3.access-key': 'own-access-key',
  'volume-list-upload.s3.secret-key': 'own-secret-key',
  'volume-list-upload.s3.bucket': 'own-bucket',
  'volume-list-upload.s3.retention-days': '8',
};

suite('where the backups of a service go', () => {
  test('is what the environment says, under the name of the service', () => {
    assert.deepEqual(plan(), {
      engine: 'offen',
      prefix: 'shop_db',
      target: {
        kind: 's3',
        endpoint: 's3.test:9000',
        isHttps: true,
        bucket: 'backups',
        accessKey: 'access-key-of-the-test',
        secretKey: 'secret-key-of-the-test',
      },
      retentionDays: 5,
    });
  });

  test('is what its labels say over the environment, each by itself', () => {
    assert.deepEqual(plan(s3Labels), {
      engine: 'offen',
      prefix: 'shop_db',
      target: {
        kind: 's3',
        endpoint: 'other.test',
        isHttps: false,
        bucket: 'own-bucket',
        accessKey: 'own-access-key',
        secretKey: 'own-secret-key',
      },
      retentionDays: 8,
    });
    const { target } = plan({ 'volume-list-upload.s3.bucket': 'own-bucket' });
    assert.ok(target.kind === 's3');
    assert.deepEqual([target.bucket, target.endpoint], ['own-bucket', 's3.test:9000']);
    assert.deepEqual(plan(s3Labels, nothing), plan(s3Labels));
  });

  test('is refused with keys that would be more than keys in the files of programs, before anything runs', () => {
    for (const key of ['key`', 'key\nendpoint = evil.test', 'key\u0000', '%(evil)s']) {
      for (const label of ['access-key', 'secret-key']) {
        const odd = { ...s3Labels, [`volume-list-upload.s3.${label}`]: key };
        assert.throws(() => plan(odd), { code: 'backup_target_incomplete' }, key);
      }
      const defaults = { ...backupDefaults.store, resticPassword: key };
      assert.throws(() => plan({ engine: 'restic', target: 'local' }, defaults), {
        code: 'backup_target_incomplete',
      });
      assert.ok(plan({ target: 'local' }, defaults));
    }
  });

  test('has the authority of the server, where there is one', () => {
    const { target } = plan(
      {},
      { ...backupDefaults.store, s3: { ...backupDefaults.store.s3, certificateAuthority: 'PEM' } },
    );
    assert.equal(target.kind === 's3' && target.certificateAuthority, 'PEM');
  });

  test('has a password for restic, and for nothing else', () => {
    assert.equal(plan({ engine: 'restic' }).resticPassword, 'restic-password-of-the-test');
    assert.equal(Object.hasOwn(plan(), 'resticPassword'), false);
  });

  test('on the node needs no server, and has the same retention', () => {
    assert.deepEqual(plan({ target: 'local' }, nothing), {
      engine: 'offen',
      prefix: 'shop_db',
      target: { kind: 'local' },
      retentionDays: 5,
    });
    assert.equal(
      plan({ target: 'local', 'volume-list-upload.s3.retention-days': '9' }, nothing).retentionDays,
      9,
    );
  });
});

suite('what is missing', () => {
  const refusal = (labels: Labels, defaults: StoreDefaults): string => {
    try {
      plan(labels, defaults);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'backup_target_incomplete');
      return (error as Error).message;
    }
    return assert.fail('nothing was missing');
  };

  test('is named all at once, by label and variable', () => {
    const message = refusal({ engine: 'restic' }, nothing);
    for (const [label, variable] of [
      ['url', 'URL'],
      ['bucket', 'BUCKET'],
      ['access-key', 'ACCESS_KEY'],
      ['secret-key', 'SECRET_KEY'],
    ]) {
      const named = `the label swarm-utils.backup.volume-list-upload.s3.${label} or SWARM_UTILS_S3_${variable}`;
      assert.ok(message.includes(named), message);
    }
    assert.match(message, /SWARM_UTILS_RESTIC_PASSWORD/);
  });

  test('is nothing that a label gives', () => {
    const { 'volume-list-upload.s3.secret-key': _, ...others } = s3Labels;
    const message = refusal(others, nothing);
    assert.match(
      message,
      /Missing: the label swarm-utils\.\S+\.s3\.secret-key or SWARM_UTILS_S3_SECRET_KEY\.$/,
    );
    assert.doesNotMatch(message, /own-/);
  });

  test('is the password alone for restic on the node', () => {
    assert.match(
      refusal({ engine: 'restic', target: 'local' }, nothing),
      /Missing: SWARM_UTILS_RESTIC_PASSWORD\.$/,
    );
  });
});
