/** Programs that make backups. `offen`: an archive per volume; `restic`: snapshots in a repository. */
export const backupEngines = ['offen', 'restic'] as const;
export type BackupEngine = (typeof backupEngines)[number];

/** How deep a backup is checked: what was just written, all of the store, or all and every byte of it. */
export const verifyDepths = ['snapshot', 'repository', 'data'] as const;
export type VerifyDepth = (typeof verifyDepths)[number];

/** Where backups of one service go. All of them are under a prefix of the service's own: its name and a slash. */
export interface BackupStore {
  readonly engine: BackupEngine;
  /** Name of the service. It has no slash, so no prefix begins another. */
  readonly prefix: string;
  readonly target: S3Target | LocalTarget;
  /** Days that a backup is kept. */
  readonly retentionDays: number;
  /** Of the restic repository; set for restic and for nothing else. */
  readonly resticPassword?: string;
}

/** A bucket of a server that speaks S3, addressed by path. */
export interface S3Target {
  readonly kind: 's3';
  /** `host` or `host:port`. */
  readonly endpoint: string;
  readonly isHttps: boolean;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** PEM of the authority that signed the server's certificate, where the images do not know it. */
  readonly certificateAuthority?: string;
}

/** The volume `swarm-utils-backups` on the node that holds the data. */
export interface LocalTarget {
  readonly kind: 'local';
}

/** The volume of the target `local`. */
export const localBackupsVolume = 'swarm-utils-backups';

/** A volume on the node that holds it. */
export interface VolumePlace {
  readonly nodeId: string;
  readonly nodeName: string;
  readonly volume: string;
}

/** One volume's part of a backup, as the store has it. */
export interface StoredArchive {
  /** Of an archive its name under the prefix, of a snapshot its id, all 64 digits. */
  readonly name: string;
  /** Host name of the node that the volume was on. */
  readonly node: string;
  readonly volume: string;
  /** The id of the backup that it is a part of: its time, as `2026-11-22T03-00-00Z`. */
  readonly backup: string;
  /** Of an archive its size, of a snapshot that of the files in it, where it is known. */
  readonly sizeBytes?: number;
  /** Of the target `local`: the node whose volume holds it. */
  readonly nodeId?: string;
  /** Not all of the volume could be read. A restore takes it by its own name only. */
  readonly isIncomplete?: true;
}

/** One backup of a service, as the store has it. */
export interface BackupSummary {
  /** Its time, as `2026-11-22T03-00-00Z`. */
  readonly id: string;
  /** ISO 8601 in UTC. */
  readonly createdAt: string;
  /** Every volume that the labels name is in it, as a whole. */
  readonly isComplete: boolean;
  readonly archives: readonly StoredArchive[];
}

/** What happened to one volume in a step; part of the HTTP answer. */
export interface VolumeReport {
  readonly node: string;
  readonly volume: string;
  /** The archive's or snapshot's name in the store. */
  readonly archive?: string;
  /** Of the archive, or of what was restored. */
  readonly sizeBytes?: number;
  /** Files, folders and links that were restored. */
  readonly files?: number;
  /** Of the archive, as the store has it: `md5:<hex>`, or the entity tag of what was written in parts. */
  readonly checksum?: string;
}
