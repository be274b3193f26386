import type { BackupStore, S3Target } from './backup.ts';
import { OperationError } from './errors.ts';
import type { BackupLabels } from './labels.ts';

/** Of the environment, which labels override. */
export interface StoreDefaults {
  readonly s3: {
    /** `host` or `host:port`. */
    readonly url: string | undefined;
    readonly isHttps: boolean;
    readonly bucket: string | undefined;
    readonly accessKey: string | undefined;
    readonly secretKey: string | undefined;
    readonly certificateAuthority: string | undefined;
  };
  readonly retentionDays: number;
  readonly resticPassword: string | undefined;
}

/**
 * Where the backups of a service go.
 * @throws OperationError `backup_target_incomplete` that names every label and variable that is missing
 */
export function planStore(serviceName: string, labels: BackupLabels, defaults: StoreDefaults): BackupStore {
  const { engine, target } = labels;
  const missing: string[] = [];
  const s3 = target === 's3' ? planS3(labels, defaults, missing) : undefined;
  const { resticPassword } = defaults;
  if (engine === 'restic' && resticPassword === undefined) {
    missing.push('SWARM_UTILS_RESTIC_PASSWORD');
  }
  if (missing.length > 0) {
    const message = `The backup has no place to go, so nothing was done. Missing: ${missing.join('; ')}.`;
    throw new OperationError('backup_target_incomplete', message);
  }
  const secrets = [s3?.accessKey, s3?.secretKey, engine === 'restic' ? resticPassword : undefined];
  if (!secrets.every((secret = '') => isWritable(secret))) {
    throw unwritable();
  }
  return {
    engine,
    prefix: serviceName,
    target: s3 ?? { kind: 'local' },
    retentionDays: labels.s3.retentionDays ?? defaults.retentionDays,
    ...(engine === 'restic' && resticPassword !== undefined && { resticPassword }),
  };
}

/** Whether a key can stand in the files that the programs of backups read. No key that a server makes can not. */
export function isWritable(secret: string): boolean {
  return !/`|%\(|\p{Cc}/u.test(secret);
}

export function unwritable(): OperationError {
  return new OperationError(
    'backup_target_incomplete',
    'The backup has no place to go, so nothing was done. A key, a password or an address of the store has a backtick, ' +
      '`%(` or a control character in it.',
  );
}

function planS3({ s3 }: BackupLabels, defaults: StoreDefaults, missing: string[]): S3Target {
  const { url, isHttps, bucket, accessKey, secretKey, certificateAuthority } = defaults.s3;
  const need = (value: string | undefined, label: string, variable: string): string => {
    if (value === undefined) {
      missing.push(
        `the label swarm-utils.backup.volume-list-upload.s3.${label} or SWARM_UTILS_S3_${variable}`,
      );
    }
    return value ?? '';
  };
  return {
    kind: 's3',
    endpoint: need(s3.url ?? url, 'url', 'URL'),
    isHttps: s3.isHttps ?? isHttps,
    bucket: need(s3.bucket ?? bucket, 'bucket', 'BUCKET'),
    accessKey: need(s3.accessKey ?? accessKey, 'access-key', 'ACCESS_KEY'),
    secretKey: need(s3.secretKey ?? secretKey, 'secret-key', 'SECRET_KEY'),
    ...(certificateAuthority !== undefined && { certificateAuthority }),
  };
}
