import type { BackupStore, StoredArchive } from '../../core/backup.ts';
import type { HelperMount, HelperService } from '../../core/helper.ts';
import type { HelperOutcome } from '../run-helper.ts';
import { runPlacedHelper } from '../run-placed-helper.ts';
import type { EngineWorld, RestoreChoice } from '../steps/step-executor.ts';
import { unpackSnapshot } from './programs/restic-scripts.ts';
import { exitCodeOf, type ResticCall, runRestic } from './programs/run-restic.ts';
import { volumeFolder } from './restore-folder.ts';
import { scanHeaders } from './scan-archive.ts';
import { rcloneAccess } from './store-access.ts';
import { shell } from './store-scripts.ts';
import { unpackArchive, unpackExit } from './unpack-archive.ts';

/**
 * To make files of any owner, mode and time. Not to make devices: a volume has no need of them, and an archive that was
 * tampered with could bring the disk of its node.
 */
const CAPABILITIES = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID'];
/** restic keeps what programs may do as well: an attribute of their files. */
const RESTIC_CAPABILITIES = [...CAPABILITIES, 'CAP_SETFCAP'];
const RCLONE_PATIENCE = ['--contimeout', '15s', '--timeout', '60s', '--low-level-retries', '10'];
/** The service may be down meanwhile. */
const LOCK_MS = 30_000;

/** Where something is unpacked, and by which helper. */
export type UnpackingPlace = Pick<ResticCall, 'name' | 'nodeId' | 'owner' | 'timeoutMs'> & {
  /** Of the volume, at `volumeFolder`. */
  readonly mount: HelperMount;
};

/**
 * Unpacks an archive or snapshot beside the content of a volume.
 * @returns as of any helper; `backup_not_found` where it is not in the store any more
 * @throws OperationError `backup_target_incomplete`, `helper_busy`
 * @throws SwarmError
 */
export async function unpack(
  world: EngineWorld,
  store: BackupStore,
  { archive }: RestoreChoice,
  { mount, owner, ...place }: UnpackingPlace,
): Promise<HelperOutcome> {
  if (store.engine === 'restic') {
    return runRestic(world, store, {
      ...place,
      owner,
      script: unpackSnapshot,
      values: [archive.volume, volumeFolder, archive.name],
      lockMs: LOCK_MS,
      mounts: [mount],
      capabilities: RESTIC_CAPABILITIES,
    });
  }
  const helper = archiveUnpacking(world.settings.backupImages.rclone, store, archive, mount);
  const outcome = await runPlacedHelper(world, { ...place, ...helper });
  return exitCodeOf(outcome) === unpackExit.noArchive
    ? { ...outcome, code: 'backup_not_found', message: 'The archive is not in the store any more.' }
    : outcome;
}

/** A helper that unpacks an archive, but for what its place says. */
export function archiveUnpacking(
  image: string,
  store: BackupStore,
  archive: StoredArchive,
  mount: HelperMount,
): Omit<HelperService, 'name' | 'nodeId' | 'timeoutMs'> {
  const { mounts, root, ...access } = rcloneAccess(store, { isReadOnly: true });
  const values = [archive.volume, volumeFolder, scanHeaders, `${root}/${archive.name}`, ...RCLONE_PATIENCE];
  return {
    ...access,
    image,
    command: shell(unpackArchive, ...values),
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
