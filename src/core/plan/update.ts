import type { ExecLabels } from '../labels.ts';
import type { UpdateRequest } from '../operation.ts';
import type { Step } from '../step.ts';
import type { ServiceTarget } from '../target.ts';
import { execWork } from './exec.ts';

/** Time-outs of the environment, which labels override; milliseconds. */
export interface UpdateDefaults {
  readonly updateTimeoutMs: number;
}

const DEFAULT_SHELL = '/bin/sh';

/**
 * Resolve first, so that nothing runs for an image that does not exist or is running already; then the service's own
 * hooks around the rollout.
 */
export function planUpdate(
  request: UpdateRequest,
  target: ServiceTarget,
  mustMatchTag: boolean,
  defaults: UpdateDefaults,
): readonly Step[] {
  const { execPre, execPost, timeoutMs = defaults.updateTimeoutMs } = target.labels.update;
  return [
    {
      name: 'resolve',
      when: 'on-success',
      timeoutMs,
      work: {
        kind: 'resolve-image',
        ...(request.image !== undefined && { image: request.image }),
        mustMatchTag,
        isForce: request.isForce,
      },
    },
    ...execStep('exec-pre', execPre, timeoutMs),
    { name: 'rollout', when: 'on-success', timeoutMs, work: { kind: 'rollout' } },
    ...execStep('exec-post', execPost, timeoutMs),
  ];
}

function execStep(name: string, labels: ExecLabels | undefined, timeoutMs: number): readonly Step[] {
  return labels === undefined
    ? []
    : [
        {
          name,
          when: 'on-success',
          timeoutMs: labels.timeoutMs ?? timeoutMs,
          work: execWork(labels, DEFAULT_SHELL),
        },
      ];
}
