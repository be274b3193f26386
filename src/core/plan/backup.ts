import { planStore, type StoreDefaults } from '../backup-store.ts';
import type { BackupLabels } from '../labels.ts';
import type { Step } from '../step.ts';
import type { ServiceTarget } from '../target.ts';
import { execWork } from './exec.ts';

/** Of the environment, which labels override; times in milliseconds. */
export interface BackupDefaults {
  readonly shell: string;
  /** In one container. */
  readonly execTimeoutMs: number;
  readonly stopTimeoutMs: number;
  /** Of one volume. */
  readonly uploadTimeoutMs: number;
  readonly startTimeoutMs: number;
  /** Absent: as long as for an upload. */
  readonly verifyTimeoutMs: number | undefined;
  readonly store: StoreDefaults;
}

/**
 * The dump, then the volumes while nothing writes to them. The service is back before what can wait: the look whether all
 * came whole, and the removal of what is too old.
 * @throws OperationError `backup_target_incomplete`
 */
export function planBackup(
  { name, labels: { backup } }: ServiceTarget,
  defaults: BackupDefaults,
): readonly Step[] {
  const { exec, isStopped, volumes } = backup;
  const execStep: readonly Step[] =
    exec === undefined
      ? []
      : [
          {
            name: 'exec',
            when: 'on-success',
            timeoutMs: exec.timeoutMs ?? backup.timeoutMs ?? defaults.execTimeoutMs,
            work: { ...execWork(exec, defaults.shell), isRequired: backup.isExecRequired },
          },
        ];
  if (volumes.length === 0) {
    return execStep;
  }
  const store = planStore(name, backup, defaults.store);
  const uploadMs = backup.uploadTimeoutMs ?? backup.timeoutMs ?? defaults.uploadTimeoutMs;
  const [stop, start] = isStopped ? planStop(backup, defaults) : [];
  const step = (stepName: string, work: Step['work']): Step => ({
    name: stepName,
    when: 'on-success',
    timeoutMs: uploadMs,
    work,
  });
  return [
    { ...step('locate', { kind: 'locate-volumes', volumes, isStopped }), timeoutMs: defaults.stopTimeoutMs },
    ...execStep,
    ...(stop === undefined ? [] : [stop]),
    step('upload', { kind: 'upload', store }),
    ...(start === undefined ? [] : [start]),
    {
      ...step('verify', { kind: 'verify-backup', store, depth: backup.verify }),
      timeoutMs:
        backup.verifyTimeoutMs ??
        backup.uploadTimeoutMs ??
        backup.timeoutMs ??
        defaults.verifyTimeoutMs ??
        defaults.uploadTimeoutMs,
    },
    step('forget', { kind: 'forget-backups', store }),
  ];
}

/** The steps that take a service down, and up again whatever came between. */
export function planStop(
  labels: Pick<BackupLabels, 'stopTimeoutMs' | 'startTimeoutMs' | 'timeoutMs'>,
  defaults: Pick<BackupDefaults, 'stopTimeoutMs' | 'startTimeoutMs'>,
): readonly [stop: Step, start: Step] {
  return [
    {
      name: 'stop',
      when: 'on-success',
      timeoutMs: labels.stopTimeoutMs ?? labels.timeoutMs ?? defaults.stopTimeoutMs,
      work: { kind: 'stop' },
    },
    {
      name: 'start',
      when: 'always',
      timeoutMs: labels.startTimeoutMs ?? labels.timeoutMs ?? defaults.startTimeoutMs,
      work: { kind: 'start' },
    },
  ];
}
