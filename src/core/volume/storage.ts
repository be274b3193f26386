/**
 * Whether volumes of one name on several nodes are one storage (`shared`) or one for each node (`local`). `unknown`: their
 * driver does not say.
 */
export type StorageKind = 'local' | 'shared' | 'unknown';

/** A volume, as far as its storage goes. */
export interface VolumeOrigin {
  /** Absent or empty: Docker's own, `local`. */
  readonly driver?: string;
  /** Of the driver, as `docker volume create --opt` takes them. */
  readonly options: Readonly<Record<string, string>>;
  /** As the Engine tells it once the volume is there: `local` or `global`. */
  readonly scope?: string;
}

const NETWORK_FILE_SYSTEMS =
  /^(?:nfs4?|cifs|smb[23]?|smbfs|ceph|glusterfs|lustre|beegfs|moosefs|gfs2|ocfs2|afs|9p|fuse\..+)$/i;

/**
 * Judges by driver and options. What Docker's own driver binds (`o=bind`) counts as local, however equal it is on several
 * nodes: almost always it is a folder of the node.
 * @see https://docs.docker.com/engine/storage/volumes/ "Create a service which creates an NFS volume"
 */
export function judgeStorage({ driver = '', options, scope }: VolumeOrigin): StorageKind {
  if (scope === 'global') {
    return 'shared';
  }
  if (driver !== '' && driver !== 'local') {
    return 'unknown';
  }
  return NETWORK_FILE_SYSTEMS.test((options.type ?? '').trim()) ? 'shared' : 'local';
}
