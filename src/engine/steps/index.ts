import type { Step } from '../../core/step.ts';
import { exec } from './exec.ts';
import { resolveImage } from './resolve-image.ts';
import { rollout } from './rollout.ts';
import type { StepContext, StepOutcome } from './step-executor.ts';

/** Does a step, by the kind of its work. */
export function executeStep(context: StepContext, step: Step): Promise<StepOutcome> {
  const { work } = step;
  switch (work.kind) {
    case 'resolve-image':
      return resolveImage(context, { ...step, work });
    case 'exec':
      return exec(context, { ...step, work });
    case 'rollout':
      return rollout(context, { ...step, work });
  }
}
