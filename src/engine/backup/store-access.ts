import { randomBytes } from 'node:crypto';
import { type BackupStore, localBackupsVolume, type S3Target } from '../../core/backup.ts';
import { isWritable, unwritable } from '../../core/backup-store.ts';
import { OperationError } from '../../core/errors.ts';
import type { HelperMount, HelperSecret } from '../../core/helper.ts';
import { sealedKeys, sealKey, unsealedKeys } from './sealed-key.ts';

/** What a helper needs to reach a store: parts of a HelperService. What is secret is in `secrets` and nowhere else. */
export interface StoreAccess {
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly HelperSecret[];
  /** Of the target `local`: the volume with the backups. */
  readonly mounts: readonly HelperMount[];
}

export interface RcloneAccess extends StoreAccess {
  /** The service's folder as rclone has it: `store:backups/shop`, or a path. */
  readonly root: string;
}

/** Where the volume of the target `local` is mounted. */
const BACKUPS = '/backups';
const CONFIG = '/run/secrets/swarm-utils-rclone';
const CREDENTIALS = '/run/secrets/swarm-utils-credentials';
const PASSWORD = '/run/secrets/swarm-utils-restic';
const AUTHORITY = '/run/secrets/swarm-utils-authority';

/**
 * For rclone. Its own configuration is one file, as https://rclone.org/s3/ describes it.
 * @param options.isReadOnly for helpers that only look
 * @throws OperationError `backup_target_incomplete`
 */
export function rcloneAccess({ target, prefix }: BackupStore, { isReadOnly = false } = {}): RcloneAccess {
  if (target.kind === 'local') {
    return {
      environment: { RCLONE_CONFIG: '/dev/null' },
      secrets: [],
      mounts: [backupsMount(BACKUPS, isReadOnly)],
      root: `${BACKUPS}/${prefix}`,
    };
  }
  const settings = {
    type: 's3',
    provider: 'Other',
    endpoint: urlOf(target),
    access_key_id: target.accessKey,
    secret_access_key: target.secretKey,
    // Foreign servers have no host name for each bucket.
    force_path_style: 'true',
    // To ask whether it is there takes a right more, and one that is not must not be made.
    no_check_bucket: 'true',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quote(value)}`);
  return {
    environment: { RCLONE_CONFIG: CONFIG, ...(hasAuthority(target) && { RCLONE_CA_CERT: AUTHORITY }) },
    secrets: [{ path: CONFIG, value: `[store]\n${lines.join('\n')}\n` }, ...authoritySecret(target)],
    mounts: [],
    root: `store:${target.bucket}/${prefix}`,
  };
}

/**
 * For restic, whose temporary files and cache are in /tmp, a scratch mount.
 * @see https://restic.readthedocs.io/en/stable/040_backup.html#environment-variables
 * @throws OperationError `backup_target_incomplete`
 */
export function resticAccess(store: BackupStore, { isReadOnly = false } = {}): StoreAccess {
  const { target, prefix, resticPassword } = store;
  if (resticPassword === undefined) {
    throw new OperationError(
      'backup_target_incomplete',
      'restic has no password: SWARM_UTILS_RESTIC_PASSWORD.',
    );
  }
  const environment = { RESTIC_PASSWORD_FILE: PASSWORD, RESTIC_CACHE_DIR: '/tmp/cache' };
  // restic takes the line end off.
  const secrets = [{ path: PASSWORD, value: `${refuseUnwritable(resticPassword)}\n` }];
  const scratch: HelperMount = { type: 'scratch', target: '/tmp' };
  if (target.kind === 'local') {
    const root = hiddenFolder();
    return {
      environment: { ...environment, RESTIC_REPOSITORY: `${root}/${prefix}/restic` },
      secrets,
      mounts: [scratch, backupsMount(root, isReadOnly)],
    };
  }
  const credentials =
    `[default]\naws_access_key_id = ${quote(target.accessKey)}\n` +
    `aws_secret_access_key = ${quote(target.secretKey)}\n`;
  return {
    environment: {
      ...environment,
      RESTIC_REPOSITORY: `s3:${urlOf(target)}/${target.bucket}/${prefix}/restic`,
      AWS_SHARED_CREDENTIALS_FILE: CREDENTIALS,
      // Of Go's own: restic before 0.17 knows no variable for it.
      ...(hasAuthority(target) && { SSL_CERT_FILE: AUTHORITY }),
    },
    secrets: [...secrets, { path: CREDENTIALS, value: credentials }, ...authoritySecret(target)],
    mounts: [scratch],
  };
}

/**
 * For the program of offen/docker-volume-backup, whose archive is made in /tmp and whose lock is in /var/lock. The
 * folder `BACKUP_ARCHIVE` must be made before it runs, and the keys unsealed.
 * @see https://offen.github.io/docker-volume-backup/reference/
 */
export function offenAccess({ target, prefix }: BackupStore): StoreAccess {
  const scratch: readonly HelperMount[] = [
    { type: 'scratch', target: '/tmp' },
    { type: 'scratch', target: '/var/lock' },
  ];
  if (target.kind === 'local') {
    const root = hiddenFolder();
    const environment = { BACKUP_ARCHIVE: `${root}/${prefix}/${incomingFolder}` };
    return { environment, secrets: [], mounts: [...scratch, backupsMount(root, false)] };
  }
  const [accessKey, secretKey] = [sealKey(target.accessKey), sealKey(target.secretKey)];
  return {
    environment: {
      AWS_S3_BUCKET_NAME: target.bucket,
      AWS_S3_PATH: prefix,
      AWS_ENDPOINT: target.endpoint,
      AWS_ENDPOINT_PROTO: target.isHttps ? 'https' : 'http',
      AWS_ACCESS_KEY_ID_FILE: unsealedKeys.access,
      AWS_SECRET_ACCESS_KEY_FILE: unsealedKeys.secret,
      SEAL_OF_ACCESS_KEY: accessKey.seal,
      SEAL_OF_SECRET_KEY: secretKey.seal,
      // It reads the first certificate of a file only; its S3 client reads the others, where Go looks for them.
      ...(hasAuthority(target) && { AWS_ENDPOINT_CA_CERT: AUTHORITY, SSL_CERT_FILE: AUTHORITY }),
    },
    secrets: [
      { path: sealedKeys.access, value: accessKey.sealed },
      { path: sealedKeys.secret, value: secretKey.sealed },
      ...authoritySecret(target),
    ],
    mounts: scratch,
  };
}

/** Where an archive of the target `local` lies until it is whole, in the service's folder. */
const incomingFolder = '.incoming';

function backupsMount(target: string, isReadOnly: boolean): HelperMount {
  return { type: 'volume', source: localBackupsVolume, target, isReadOnly };
}

/** For programs that read a volume by its paths: no link that somebody puts into it meanwhile leads to a name like this. */
function hiddenFolder(): string {
  return `${BACKUPS}-${randomBytes(16).toString('hex')}`;
}

function urlOf({ isHttps, endpoint }: S3Target): string {
  return `${isHttps ? 'https' : 'http'}://${endpoint}`;
}

function hasAuthority({ isHttps, certificateAuthority }: S3Target): boolean {
  return isHttps && certificateAuthority !== undefined;
}

function authoritySecret(target: S3Target): readonly HelperSecret[] {
  const { certificateAuthority } = target;
  return hasAuthority(target) && certificateAuthority !== undefined
    ? [{ path: AUTHORITY, value: certificateAuthority }]
    : [];
}

/**
 * A value in the files of rclone and of the S3 client of restic, both of which take what is between backticks as it is.
 * rclone alone fills `%(name)s` in.
 */
function quote(value: string): string {
  return `\`${refuseUnwritable(value)}\``;
}

function refuseUnwritable(value: string): string {
  if (!isWritable(value)) {
    throw unwritable();
  }
  return value;
}
