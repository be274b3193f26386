import { actionOf } from './label-reader.ts';
import type { ActionLabels } from './labels.ts';
import { type ActionName, actionNames, type ServiceRequest } from './operation.ts';
import type { ServiceTarget } from './target.ts';

/** What the environment says of the clock. */
export interface CronSettings {
  /** Of the common run. */
  readonly expression: string;
  /** Of all expressions. */
  readonly timeZone: string;
  readonly cleansServices: boolean;
  readonly cleansNodes: boolean;
  readonly backsUpServices: boolean;
  /** How many operations that begin together run at the same time. */
  readonly parallel: number;
}

/** One action on one kind of target. */
export interface SchedulePhase {
  readonly action: ActionName;
  readonly targetKind: 'service' | 'node';
}

/** Something that the clock starts again and again. */
export interface ScheduleEntry {
  /** The same across restarts, and of no other entry. */
  readonly key: string;
  readonly expression: string;
  /** In their order; one after the other. */
  readonly phases: readonly SchedulePhase[];
  /** The one that has this time for itself; absent: all that have none. */
  readonly service?: { readonly id: string; readonly name: string };
}

/**
 * The run that all share which have no time of their own.
 * @returns undefined when nothing of it is turned on
 */
export function commonEntry(settings: CronSettings): ScheduleEntry | undefined {
  const { expression, cleansServices, cleansNodes, backsUpServices } = settings;
  const phases: readonly SchedulePhase[] = [
    ...(cleansServices ? [{ action: 'clean', targetKind: 'service' } as const] : []),
    ...(cleansNodes ? [{ action: 'clean', targetKind: 'node' } as const] : []),
    ...(backsUpServices ? [{ action: 'backup', targetKind: 'service' } as const] : []),
  ];
  return phases.length === 0 ? undefined : { key: 'common', expression, phases };
}

/** The entries of services that have a time of their own. */
export function ownEntries(services: readonly ServiceTarget[]): readonly ScheduleEntry[] {
  return services.flatMap(({ id, name, labels }) =>
    actionNames.flatMap(action => {
      const { cron } = labels[action];
      return cron === undefined || !isMeant(labels[action], action)
        ? []
        : [
            {
              key: `${action} ${id}`,
              expression: cron,
              phases: [{ action, targetKind: 'service' as const }],
              service: { id, name },
            },
          ];
    }),
  );
}

/** The services that take part in a phase of the common run. */
export function commonServices(
  services: readonly ServiceTarget[],
  action: ActionName,
): readonly ServiceTarget[] {
  return services.filter(
    ({ labels }) => labels[action].cron === undefined && isMeant(labels[action], action),
  );
}

/** Not only what is on: where a label of the action is wrong, it may be the very one that was to turn it on. */
function isMeant({ isEnabled, faults }: ActionLabels, action: ActionName): boolean {
  return isEnabled || faults.some(({ label }) => actionOf(label) === action);
}

/** What the clock asks for. A restore is only tried: nobody wants yesterday's data back every night. */
export function requestOfClock(action: ActionName): ServiceRequest {
  switch (action) {
    case 'update':
      return { action, isForce: false };
    case 'clean':
      return { action, targetKind: 'service' };
    case 'backup':
      return { action };
    case 'restore':
      return { action, isDrill: true };
  }
}
