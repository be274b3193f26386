import type { BackupEngine } from '../../core/backup.ts';
import type { BackupProgram } from './backup-job.ts';
import { offen } from './offen.ts';
import { restic } from './restic.ts';

/** The programs that make backups, by the engine that labels name. */
export const backupPrograms: Readonly<Record<BackupEngine, BackupProgram>> = { offen, restic };
