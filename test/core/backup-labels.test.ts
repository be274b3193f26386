import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseServiceLabels, type ServiceLabels } from '../../src/core/labels.ts';
import type { Labels } from './examples.ts';

function parse(labels: Labels): ServiceLabels {
  return parseServiceLabels(
    Object.fromEntries(Object.entries(labels).map(([key, value]) => [`swarm-utils.${key}`, value])),
  );
}

const faultsOf = (labels: Labels) => parse(labels).faults.map(({ label, message }) => `${label} ${message}`);
const on = { 'backup.enable': 'true', 'backup.volume-list-upload': 'data' };

suite('the labels of a backup', () => {
  test('are read, every one of the list', () => {
    const { backup, faults } = parse({
      'backup.enable': 'true',
      'backup.exec': 'pg_dump > /dump/all.sql',
      'backup.exec.shell': '/bin/bash',
      'backup.exec.timeout': '1',
      'backup.stop': 'true',
      'backup.stop.timeout': '2',
      'backup.start.timeout': '3',
      'backup.timeout': '4',
      'backup.volume-list-upload': 'volume1, volume_2.x,volume-3',
      'backup.volume-list-upload.timeout': '5',
      'backup.volume-list-upload.s3.url': 's3-api.domain.com:9000',
      'backup.volume-list-upload.s3.https': 'false',
      'backup.volume-list-upload.s3.access-key': 'access',
      'backup.volume-list-upload.s3.secret-key': 'secret',
      'backup.volume-list-upload.s3.bucket': 'my-bucket-name',
      'backup.volume-list-upload.s3.retention-days': '8',
      'backup.engine': 'restic',
      'backup.target': 'local',
      'backup.verify': 'data',
      'backup.verify.timeout': '6',
    });
    assert.deepEqual(faults, []);
    assert.deepEqual(backup, {
      isEnabled: true,
      grants: [],
      timeoutMs: 4,
      exec: { script: 'pg_dump > /dump/all.sql', shell: '/bin/bash', timeoutMs: 1 },
      isExecRequired: true,
      isStopped: true,
      stopTimeoutMs: 2,
      startTimeoutMs: 3,
      volumes: ['volume1', 'volume_2.x', 'volume-3'],
      uploadTimeoutMs: 5,
      verify: 'data',
      verifyTimeoutMs: 6,
      s3: {
        url: 's3-api.domain.com:9000',
        isHttps: false,
        accessKey: 'access',
        secretKey: 'secret',
        bucket: 'my-bucket-name',
        retentionDays: 8,
      },
      engine: 'restic',
      target: 'local',
      faults: [],
    });
  });

  test('have their defaults: offen, to S3, without a stop', () => {
    const { backup } = parse(on);
    const { isStopped, engine, target, s3, exec } = backup;
    assert.deepEqual([isStopped, engine, target, s3, exec], [false, 'offen', 's3', {}, undefined]);
    assert.deepEqual(parse({}).backup.volumes, []);
  });

  test('name a volume once', () => {
    assert.deepEqual(parse({ ...on, 'backup.volume-list-upload': 'a,b, a' }).backup.volumes, ['a', 'b']);
  });

  test('that turn it on and leave nothing to do are a fault', () => {
    assert.deepEqual(faultsOf({ 'backup.enable': 'true' }), [
      'swarm-utils.backup.enable does nothing without swarm-utils.backup.volume-list-upload or swarm-utils.backup.exec',
    ]);
    assert.deepEqual(faultsOf({ 'backup.enable': 'true', 'backup.exec': 'true' }), []);
    assert.deepEqual(faultsOf({ 'backup.enable': 'false' }), []);
    // A bad list is a fault of its own, which needs no second one.
    assert.equal(faultsOf({ 'backup.enable': 'true', 'backup.volume-list-upload': '' }).length, 1);
  });

  const bad: Readonly<Record<string, readonly string[]>> = {
    'volume-list-upload': ['a,../b', '/etc', 'a:b', 'a\nb', '$(id)', '.hidden', 'a,,b', 'a;b', "a'b", 'ä'],
    'volume-list-upload.s3.url': [
      '',
      'https://s3.example.com',
      's3.example.com/bucket',
      's3.example.com:0',
      's3.example.com:x',
      's3.example.com\nregion = x',
      'user:password@s3.example.com',
      's3 example',
      's3.example.com:123456',
    ],
    'volume-list-upload.s3.bucket': [
      '',
      'ab',
      'Bucket',
      'a/b',
      '../b',
      'a..b',
      '-bucket',
      'bucket-',
      'a b c',
      'x'.repeat(64),
      'abc\n',
    ],
    'volume-list-upload.s3.https': ['yes', '', 'True'],
    'volume-list-upload.s3.retention-days': ['0', '-1', '5 days', '1e2'],
    'volume-list-upload.s3.access-key': ['', ' '],
    'volume-list-upload.s3.secret-key': ['', ' '],
    'volume-list-upload.timeout': ['0', '10m'],
    stop: ['1', 'yes'],
    'stop.timeout': ['-1'],
    'start.timeout': ['x'],
    engine: ['borg', 'OFFEN', 'offen,restic'],
    target: ['ftp', 's3,local'],
  };
  for (const [key, values] of Object.entries(bad)) {
    test(`a bad ${key} is a fault, which stops backups and restores`, () => {
      for (const value of values) {
        const labels = parse({ ...on, [`backup.${key}`]: value });
        const [fault, ...others] = labels.backup.faults;
        assert.equal(fault?.label, `swarm-utils.backup.${key}`, JSON.stringify(value));
        assert.deepEqual(others, []);
        assert.deepEqual(labels.restore.faults, labels.backup.faults);
        assert.deepEqual([labels.update.faults, labels.clean.faults], [[], []]);
      }
    });
  }

  test('show no key of the server in a fault', () => {
    for (const key of ['access-key', 'secret-key', 'secretkey', 'acces-key']) {
      const [fault] = parse({ ...on, [`backup.volume-list-upload.s3.${key}`]: ' \t' }).faults;
      assert.equal(fault?.value, '[redacted]', key);
    }
  });
});

suite('the labels of a restore', () => {
  test('go by the volumes of the backup, and without any are a fault', () => {
    assert.deepEqual(faultsOf({ 'restore.enable': 'true' }), [
      'swarm-utils.restore.enable does nothing without swarm-utils.backup.volume-list-upload',
    ]);
    assert.deepEqual(faultsOf({ 'restore.enable': 'true', 'backup.volume-list-upload': 'data' }), []);
    assert.deepEqual(parse({ 'restore.enable': 'true', 'backup.exec': 'true' }).backup.faults, []);
  });

  test('and a void grant of a backup stop no restore', () => {
    const { restore, backup } = parse({ ...on, 'restore.enable': 'true', 'backup.github.ref': 'main' });
    assert.deepEqual([restore.faults, backup.faults], [[], []]);
  });
});
