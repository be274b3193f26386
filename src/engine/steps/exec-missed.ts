import type { ServiceWork, Step } from '../../core/step.ts';
import { plural } from '../../core/text/plural.ts';
import { mayBeOneStorage } from '../../core/volume/service-storage.ts';
import type { Warning } from '../../core/warning.ts';
import type { Service, Task } from '../swarm.ts';
import { byNewest, isRunning } from '../task-report.ts';
import type { ExecOutcome } from './exec-in-container.ts';
import type { ServiceContext } from './step-executor.ts';

type ExecStep = Step & { readonly work: ServiceWork & { kind: 'exec' } };

/** Of a volume on a node where no task ran it, what it was to make is an old one. */
export function describeMissed(
  { service, target, located }: ServiceContext,
  outcomes: readonly ExecOutcome[],
): string | undefined {
  const { isShared } = target.labels.backup;
  const isOneStorage = (volume: string) =>
    mayBeOneStorage(
      service.mounts.filter(({ source }) => source === volume),
      isShared,
    );
  const ranOn = new Set(outcomes.filter(({ hasVanished }) => !hasVanished).map(({ task }) => task.nodeId));
  const missed = (located?.places ?? []).filter(
    ({ nodeId, volume }) => service.volumes.includes(volume) && !ranOn.has(nodeId) && !isOneStorage(volume),
  );
  if (missed.length === 0) {
    return undefined;
  }
  const list = missed.map(({ volume, nodeName }) => `${volume} on ${nodeName}`).join(', ');
  return (
    `exec did not run on the nodes of all volumes, for tasks have moved meanwhile: ${list}. Nothing was backed up. ` +
    'Pin the service to its node with a placement constraint.'
  );
}

/** Tasks that are wanted and do not run miss it. */
export function warnOfIdle(
  { name, work: { passesOverVanished: isClean } }: ExecStep,
  service: Service,
  tasks: readonly Task[],
): readonly Warning[] {
  const wanted = wantedOf(service, tasks);
  const running = tasks.filter(isRunning).length;
  const hasNoneToClean = isClean === true && wanted === 0;
  if (hasNoneToClean || (running > 0 && running >= wanted)) {
    return [];
  }
  const message = `${name} ran in ${running} of ${plural(wanted, 'task')}. ${describeIdle(service, tasks)}`;
  return [{ code: 'exec_not_run', message: message.trim() }];
}

function wantedOf({ replicas }: Service, tasks: readonly Task[]): number {
  return replicas ?? tasks.filter(({ desiredState }) => desiredState === 'running').length;
}

/** Why tasks do not run, as far as the swarm says it. */
export function describeIdle(service: Service, tasks: readonly Task[]): string {
  if (wantedOf(service, tasks) === 0) {
    return service.replicas === 0 ? 'The service is scaled to 0.' : 'The service has no tasks.';
  }
  const [newest] = tasks.filter(task => !isRunning(task)).toSorted(byNewest(({ createdAt }) => createdAt));
  const failed = tasks
    .filter(({ state }) => state === 'failed' || state === 'rejected')
    .toSorted(byNewest(({ stateAt }) => stateAt))[0];
  const shown = failed ?? newest;
  const why = shown?.error ?? shown?.message ?? '';
  return shown === undefined ? '' : `Task ${shown.id} is ${shown.state}${why === '' ? '' : `: ${why}`}.`;
}
