import type { Step } from '../../core/step.ts';
import { cleanBuildCache } from './clean-build-cache.ts';
import { cleanContainers } from './clean-containers.ts';
import { cleanImages } from './clean-images.ts';
import { drillRestore } from './drill-restore.ts';
import { exec } from './exec.ts';
import { fetchBackup } from './fetch-backup.ts';
import { findBackup } from './find-backup.ts';
import { forgetBackups } from './forget-backups.ts';
import { locateVolumes } from './locate-volumes.ts';
import { nodeExec } from './node-exec.ts';
import { resolveImage } from './resolve-image.ts';
import { rollout } from './rollout.ts';
import { start } from './start.ts';
import type { NodeContext, ServiceContext, StepContext, StepOutcome } from './step-executor.ts';
import { stop } from './stop.ts';
import { swapVolumes } from './swap-volumes.ts';
import { upload } from './upload.ts';
import { verifyBackup } from './verify-backup.ts';

/**
 * Does a step, by the kind of its work.
 * @throws TypeError when the work is for another kind of target
 */
export function executeStep(context: StepContext, step: Step): Promise<StepOutcome> {
  const { work } = step;
  switch (work.kind) {
    case 'resolve-image':
      return resolveImage(ofService(context), { ...step, work });
    case 'exec':
      return exec(ofService(context), { ...step, work });
    case 'rollout':
      return rollout(ofService(context), { ...step, work });
    case 'locate-volumes':
      return locateVolumes(ofService(context), { ...step, work });
    case 'stop':
      return stop(ofService(context), { ...step, work });
    case 'start':
      return start(ofService(context), { ...step, work });
    case 'upload':
      return upload(ofService(context), { ...step, work });
    case 'verify-backup':
      return verifyBackup(ofService(context), { ...step, work });
    case 'forget-backups':
      return forgetBackups(ofService(context), { ...step, work });
    case 'find-backup':
      return findBackup(ofService(context), { ...step, work });
    case 'fetch-backup':
      return fetchBackup(ofService(context), { ...step, work });
    case 'swap-volumes':
      return swapVolumes(ofService(context), { ...step, work });
    case 'drill-restore':
      return drillRestore(ofService(context), { ...step, work });
    case 'clean-containers':
      return cleanContainers(ofNode(context), { ...step, work });
    case 'clean-images':
      return cleanImages(ofNode(context), { ...step, work });
    case 'clean-build-cache':
      return cleanBuildCache(ofNode(context), { ...step, work });
    case 'node-exec':
      return nodeExec(ofNode(context), { ...step, work });
  }
}

function ofService(context: StepContext): ServiceContext {
  if ('service' in context) {
    return context;
  }
  throw new TypeError('This work is for a service.');
}

function ofNode(context: StepContext): NodeContext {
  if ('node' in context) {
    return context;
  }
  throw new TypeError('This work is for a node.');
}
