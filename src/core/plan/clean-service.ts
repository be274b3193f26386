import type { Step } from '../step.ts';
import type { ServiceTarget } from '../target.ts';
import { execWork } from './exec.ts';

/** Of the environment, which labels override. */
export interface CleanServiceDefaults {
  readonly shell: string;
  /** In one container, milliseconds. */
  readonly execTimeoutMs: number;
}

/** One step: the label's text in every running task's container. `authorize` lets nothing pass that has none. */
export function planCleanService({ labels }: ServiceTarget, defaults: CleanServiceDefaults): readonly Step[] {
  const { exec, isParallel, timeoutMs = defaults.execTimeoutMs } = labels.clean;
  return exec === undefined
    ? []
    : [
        {
          name: 'exec',
          when: 'on-success',
          timeoutMs: exec.timeoutMs ?? timeoutMs,
          work: {
            ...execWork(exec, defaults.shell),
            isSequential: !isParallel,
            passesOverVanished: true,
          },
        },
      ];
}
