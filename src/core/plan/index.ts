import type { LabelTokenContent } from '../authorize.ts';
import type { Step } from '../step.ts';
import { planUpdate, type UpdateDefaults } from './update.ts';

export type PlanDefaults = UpdateDefaults;

/** The steps of an operation. A new action is a file beside this one and a line here. */
export function planOperation(content: LabelTokenContent, defaults: PlanDefaults): readonly Step[] {
  const { request, target, mustMatchTag } = content;
  switch (request.action) {
    case 'update':
      return planUpdate(request, target, mustMatchTag, defaults);
  }
}
