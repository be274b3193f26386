import { credentialValue, imageValue, pemValue, schemaOf } from './config-values.ts';
import { optional, secret, withDefault } from './config-variable.ts';
import {
  booleanValue,
  bucketValue,
  daysValue,
  durationMsValue,
  s3HostValue,
  textValue,
} from './core/label-values.ts';

/** Where backups go, what makes them, and how long that may take. */
export const backupVariables = {
  SWARM_UTILS_BACKUP_SERVICE_EXEC_SHELL: withDefault(
    textValue,
    '/bin/sh',
    "Shell of a service's container that runs its `backup.exec`.",
  ),
  SWARM_UTILS_BACKUP_SERVICE_EXEC_TIMEOUT: withDefault(
    durationMsValue,
    '600_000',
    'Time for `backup.exec` in one container, milliseconds.',
  ),
  SWARM_UTILS_BACKUP_SERVICE_STOP_TIMEOUT: withDefault(
    durationMsValue,
    '30_000',
    'Time until no task of a service that is scaled to 0 is left, milliseconds.',
  ),
  SWARM_UTILS_BACKUP_SERVICE_VOLUME_LIST_UPLOAD_TIMEOUT: withDefault(
    durationMsValue,
    '600_000',
    'Time to upload or to restore one volume, milliseconds.',
  ),
  SWARM_UTILS_BACKUP_SERVICE_START_TIMEOUT: withDefault(
    durationMsValue,
    '300_000',
    'Time until all replicas run again, milliseconds.',
  ),
  SWARM_UTILS_BACKUP_VERIFY_TIMEOUT: optional(
    durationMsValue,
    'Time to check what was written, milliseconds. Default: that of an upload.',
  ),
  SWARM_UTILS_S3_URL: optional(
    s3HostValue,
    'The S3 server. Labels of a service win over this and the next six.',
  ),
  SWARM_UTILS_S3_HTTPS: withDefault(booleanValue, 'true', 'Whether it is spoken to by `https://`.'),
  SWARM_UTILS_S3_BUCKET: optional(bucketValue, 'The bucket. swarm-utils does not make it.'),
  SWARM_UTILS_S3_ACCESS_KEY: secret(schemaOf(credentialValue), 'Access key.'),
  SWARM_UTILS_S3_SECRET_KEY: secret(schemaOf(credentialValue), 'Secret key.'),
  SWARM_UTILS_S3_RETENTION_DAYS: withDefault(
    daysValue,
    '5',
    'Days that a backup is kept, in S3 and in the volume of the target `local`. The last one stays.',
  ),
  SWARM_UTILS_S3_CA: secret(
    schemaOf(pemValue),
    'Authority that signed the certificate of the S3 server, where it is one of your own.',
  ),
  SWARM_UTILS_RESTIC_PASSWORD: secret(
    schemaOf(credentialValue),
    'Password of the restic repositories. Without it nobody can read them, you neither: keep it elsewhere too.',
  ),
  SWARM_UTILS_BACKUP_OFFEN_IMAGE: withDefault(
    imageValue,
    'offen/docker-volume-backup:v2.48.2',
    'Image that writes archives (engine `offen`).',
  ),
  SWARM_UTILS_BACKUP_RESTIC_IMAGE: withDefault(
    imageValue,
    'restic/restic:0.18.1',
    'Image that writes and reads snapshots (engine `restic`).',
  ),
  SWARM_UTILS_BACKUP_RCLONE_IMAGE: withDefault(
    imageValue,
    'rclone/rclone:1.71.2',
    'Image that lists, checks, removes and restores archives (engine `offen`).',
  ),
};
