import type { BackupStore } from '../../core/backup.ts';
import type { HelperMount, HelperService } from '../../core/helper.ts';
import type { RestoreChoice } from '../steps/step-executor.ts';
import { beginUnpacking, endUnpacking, volumeFolder } from './restore-folder.ts';
import { scanHeaders } from './scan-archive.ts';
import { rcloneAccess, resticAccess } from './store-access.ts';
import { unpackArchive } from './unpack-archive.ts';

/**
 * To make files of any owner, mode and time. Not to make devices: a volume has no need of them, and an archive that was
 * tampered with could bring the disk of its node.
 */
const CAPABILITIES = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID'];
/** restic keeps what programs may do as well: an attribute of their files. */
const RESTIC_CAPABILITIES = [...CAPABILITIES, 'CAP_SETFCAP'];
const RCLONE_PATIENCE = ['--contimeout', '15s', '--timeout', '60s', '--low-level-retries', '10'];

/** As for archives; $3 is the snapshot. Without a lock: nobody else is at work on the service. */
const unpackSnapshot = `${beginUnpacking}
restic restore "$3" --no-lock --target "$home/unpack" >&2
${endUnpacking}`;

/** What of a helper is for unpacking; its name, node and time-out are the caller's. */
export type Unpacking = Omit<HelperService, 'name' | 'nodeId' | 'timeoutMs'>;

/**
 * A helper that unpacks an archive or snapshot beside the content of a volume.
 * @param images of the helpers
 * @param mount of the volume, at `volumeFolder`
 * @throws OperationError `backup_target_incomplete`
 */
export function unpacking(
  images: { readonly rclone: string; readonly restic: string },
  store: BackupStore,
  { archive }: RestoreChoice,
  mount: HelperMount,
): Unpacking {
  const command = (script: string, ...values: readonly string[]) => [
    ...['/bin/sh', '-euc', script, 'sh'],
    ...[archive.volume, volumeFolder, ...values],
  ];
  if (store.engine === 'restic') {
    const { mounts, ...access } = resticAccess(store, { isReadOnly: true });
    return {
      ...access,
      image: images.restic,
      command: command(unpackSnapshot, archive.name),
      mounts: [mount, ...mounts],
      capabilities: RESTIC_CAPABILITIES,
      printsData: true,
    };
  }
  const { mounts, root, ...access } = rcloneAccess(store, { isReadOnly: true });
  return {
    ...access,
    image: images.rclone,
    command: command(unpackArchive, scanHeaders, `${root}/${archive.name}`, ...RCLONE_PATIENCE),
    mounts: [mount, ...mounts],
    capabilities: CAPABILITIES,
    printsData: true,
  };
}

/** What the helper printed; undefined where that is not what it prints. */
export function parseUnpacked(
  lines: readonly string[],
): { readonly files: number; readonly sizeBytes: number } | undefined {
  const [, files, bytes] = /^(\d{1,15}) (\d{1,15})$/.exec(lines.at(-1) ?? '') ?? [];
  return files === undefined || bytes === undefined
    ? undefined
    : { files: Number(files), sizeBytes: Number(bytes) };
}
