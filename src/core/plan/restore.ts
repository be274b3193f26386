import { planStore } from '../backup-store.ts';
import type { RestoreRequest } from '../operation.ts';
import type { Step } from '../step.ts';
import type { ServiceTarget } from '../target.ts';
import { type BackupDefaults, planStop } from './backup.ts';

/**
 * Everything is unpacked beside what is there before anything of that is touched. A drill touches nothing at all.
 * @throws OperationError `backup_target_incomplete`
 */
export function planRestore(
  { volume, backup: id, nodeName, isDrill }: RestoreRequest,
  { name, labels: { backup, restore } }: ServiceTarget,
  defaults: BackupDefaults,
): readonly Step[] {
  const store = planStore(name, backup, defaults.store);
  const timeoutMs =
    restore.timeoutMs ?? backup.uploadTimeoutMs ?? backup.timeoutMs ?? defaults.uploadTimeoutMs;
  const step = (stepName: string, work: Step['work']): Step => ({
    name: stepName,
    when: 'on-success',
    timeoutMs,
    work,
  });
  const find = step('find', {
    kind: 'find-backup',
    store,
    volumes: volume === undefined ? backup.volumes : [volume],
    ...(id !== undefined && { backup: id }),
    ...(nodeName !== undefined && { nodeName }),
    isStopped: !isDrill,
  });
  if (isDrill) {
    return [find, step('drill', { kind: 'drill-restore', store })];
  }
  const [stop, start] = planStop(backup, defaults);
  return [
    find,
    stop,
    step('fetch', { kind: 'fetch-backup', store }),
    // To remove what a short time has cut off takes its own.
    {
      ...step('swap', { kind: 'swap-volumes' }),
      when: 'always',
      timeoutMs: Math.max(timeoutMs, defaults.uploadTimeoutMs),
    },
    start,
  ];
}
