import type { BackupSummary } from '../../core/backup.ts';
import { OperationError } from '../../core/errors.ts';
import { showable } from '../../core/outside-text.ts';
import type { ServiceTarget } from '../../core/target.ts';
import { describeError } from '../describe-error.ts';
import { withSecretsOf } from '../label-secrets.ts';
import type { EngineWorld } from '../steps/step-executor.ts';
import { listBackups } from './list-backups.ts';

/**
 * The backups of a service for who asks by HTTP.
 * @param onFault is told what must not be: the error that is thrown says no more than that there was one
 * @returns a function whose promise rejects with an OperationError, fit for callers, and with nothing else
 */
export function createBackupsView(
  world: EngineWorld,
  onFault: (error: unknown, serviceName: string) => void,
): (target: ServiceTarget) => Promise<readonly BackupSummary[]> {
  return async target => {
    const own = withSecretsOf(target, world);
    try {
      return await listBackups(own, target);
    } catch (error) {
      const { code, message, isForLog } = describeError(error);
      if (isForLog) {
        onFault(error, target.name);
      }
      throw new OperationError(code, showable(message, own.redact), { cause: error });
    }
  };
}
