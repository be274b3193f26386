import type { BackupDefaults } from '../../src/core/plan/backup.ts';

/** The defaults of the environment, and an S3 server. */
export const backupDefaults: BackupDefaults = {
  shell: '/bin/sh',
  execTimeoutMs: 600_000,
  stopTimeoutMs: 30_000,
  uploadTimeoutMs: 600_000,
  startTimeoutMs: 300_000,
  verifyTimeoutMs: undefined,
  store: {
    s3: {
      url: 's3.test:9000',
      isHttps: true,
      bucket: 'backups',
      accessKey: 'access-key-of-the-test',
      secretKey: 'secret-key-of-the-test',
      certificateAuthority: undefined,
    },
    retentionDays: 5,
    resticPassword: 'restic-password-of-the-test',
  },
};
