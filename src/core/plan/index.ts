import type { LabelTokenContent } from '../authorize.ts';
import type { Step } from '../step.ts';
import { type BackupDefaults, planBackup } from './backup.ts';
import { type CleanNodeDefaults, planCleanNode } from './clean-node.ts';
import { type CleanServiceDefaults, planCleanService } from './clean-service.ts';
import { planRestore } from './restore.ts';
import { planUpdate, type UpdateDefaults } from './update.ts';

export type PlanDefaults = UpdateDefaults & {
  readonly cleanService: CleanServiceDefaults;
  readonly cleanNode: CleanNodeDefaults;
  readonly backup: BackupDefaults;
};

/** The steps of an operation. A new action is a file beside this one and a line here. */
export function planOperation(content: LabelTokenContent, defaults: PlanDefaults): readonly Step[] {
  if (content.targetKind === 'node') {
    return planCleanNode(content.request, content.target, defaults.cleanNode);
  }
  const { request, target, mustMatchTag } = content;
  switch (request.action) {
    case 'update':
      return planUpdate(request, target, mustMatchTag, defaults);
    case 'clean':
      return planCleanService(target, defaults.cleanService);
    case 'backup':
      return planBackup(target, defaults.backup);
    case 'restore':
      return planRestore(request, target, defaults.backup);
  }
}
