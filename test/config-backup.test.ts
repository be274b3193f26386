import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ConfigError, loadConfig } from '../src/config.ts';

const load = (env: Record<string, string>, files: Record<string, string> = {}) =>
  loadConfig(env, path => files[path] ?? assert.fail(`no file ${path}`));

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    load(env);
  } catch (error) {
    assert(error instanceof ConfigError);
    return error.message.split('\n').slice(1);
  }
  return [];
}

const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';

suite('what the environment says of backups', () => {
  test('is, where it says nothing, what the README of the original has; and no place to go', () => {
    const { backup, backupImages } = load({}).engine;
    assert.deepEqual(backup, {
      shell: '/bin/sh',
      execTimeoutMs: 600_000,
      stopTimeoutMs: 30_000,
      uploadTimeoutMs: 600_000,
      startTimeoutMs: 300_000,
      verifyTimeoutMs: undefined,
      store: {
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
      },
    });
    for (const image of Object.values(backupImages)) {
      assert.match(image, /:v?\d+\.\d+\.\d+$/, 'a pinned release');
    }
  });

  test('is read, every variable of it', () => {
    const { engine, secretValues, withoutEffect } = load(
      {
        SWARM_UTILS_BACKUP_SERVICE_EXEC_SHELL: '/bin/bash',
        SWARM_UTILS_BACKUP_SERVICE_EXEC_TIMEOUT: '1',
        SWARM_UTILS_BACKUP_SERVICE_STOP_TIMEOUT: '2',
        SWARM_UTILS_BACKUP_SERVICE_VOLUME_LIST_UPLOAD_TIMEOUT: '3_000',
        SWARM_UTILS_BACKUP_SERVICE_START_TIMEOUT: '4',
        SWARM_UTILS_BACKUP_VERIFY_TIMEOUT: '5',
        SWARM_UTILS_S3_URL: 's3.example.com:9000',
        SWARM_UTILS_S3_HTTPS: 'false',
        SWARM_UTILS_S3_BUCKET: 'my-bucket-name',
        SWARM_UTILS_S3_ACCESS_KEY_FILE: '/run/secrets/access',
        SWARM_UTILS_S3_SECRET_KEY: 'the-secret-key',
        SWARM_UTILS_S3_RETENTION_DAYS: '8',
        SWARM_UTILS_S3_CA_FILE: '/run/secrets/ca',
        SWARM_UTILS_RESTIC_PASSWORD: 'the-restic-password',
        SWARM_UTILS_BACKUP_OFFEN_IMAGE: 'registry.test/offen:1',
        SWARM_UTILS_BACKUP_RESTIC_IMAGE: 'registry.test/restic:2',
        SWARM_UTILS_BACKUP_RCLONE_IMAGE: 'registry.test/rclone:3',
      },
      { '/run/secrets/access': 'the-access-key\n', '/run/secrets/ca': `${pem}\n` },
    );
    assert.deepEqual(engine.backup, {
      shell: '/bin/bash',
      execTimeoutMs: 1,
      stopTimeoutMs: 2,
      uploadTimeoutMs: 3000,
      startTimeoutMs: 4,
      verifyTimeoutMs: 5,
      store: {
        s3: {
          url: 's3.example.com:9000',
          isHttps: false,
          bucket: 'my-bucket-name',
          accessKey: 'the-access-key',
          secretKey: 'the-secret-key',
          certificateAuthority: pem,
        },
        retentionDays: 8,
        resticPassword: 'the-restic-password',
      },
    });
    assert.deepEqual(engine.backupImages, {
      offen: 'registry.test/offen:1',
      restic: 'registry.test/restic:2',
      rclone: 'registry.test/rclone:3',
    });
    for (const secret of ['the-access-key', 'the-secret-key', 'the-restic-password']) {
      assert.ok(secretValues.includes(secret), secret);
    }
    assert.deepEqual(withoutEffect, []);
  });

  const wrong: Readonly<Record<string, readonly string[]>> = {
    SWARM_UTILS_S3_URL: ['https://s3.example.com', 's3.example.com/path', 'a b', 'user@host', 's3:0', '$(x)'],
    SWARM_UTILS_S3_HTTPS: ['yes', '1'],
    SWARM_UTILS_S3_BUCKET: ['My-Bucket', 'ab', 'a/b', '../x', 'x'.repeat(64)],
    SWARM_UTILS_S3_RETENTION_DAYS: ['0', '-1', '1.5', 'five'],
    SWARM_UTILS_S3_ACCESS_KEY: ['...', 'two\nlines'],
    SWARM_UTILS_S3_SECRET_KEY: ['...', 'two\nlines'],
    SWARM_UTILS_RESTIC_PASSWORD: ['...', 'two\nlines'],
    SWARM_UTILS_S3_CA: ['/etc/ssl/ca.pem'],
    SWARM_UTILS_BACKUP_OFFEN_IMAGE: ['A:', 'a b'],
    SWARM_UTILS_BACKUP_SERVICE_STOP_TIMEOUT: ['0', '10s'],
  };
  for (const [name, values] of Object.entries(wrong)) {
    test(`has a fault for a wrong ${name}`, () => {
      for (const value of values) {
        const [fault = '', ...others] = faultsOf({ [name]: value });
        assert.match(fault, new RegExp(`^ +${name} `), value);
        assert.deepEqual(others, []);
      }
    });
  }

  test('is all faults at once', () => {
    const env = Object.fromEntries(Object.entries(wrong).map(([name, [value = '']]) => [name, value]));
    assert.equal(faultsOf(env).length, Object.keys(wrong).length);
  });
});
