import { formatBytes } from '../../core/docker-size.ts';
import { OperationError } from '../../core/errors.ts';
import type { LocalImage } from '../../core/node-listing.ts';
import type { NodeWork, RemovedItem } from '../../core/step.ts';
import { EngineAskFailure, type Exchange } from '../node-engine/conversation.ts';
import { readImageBytes } from '../node-engine/disk-usage.ts';
import {
  concludeRemoval,
  countKept,
  describeKept,
  removedOf,
  withNodeClean,
  wouldBeRemoved,
} from './node-outcome.ts';
import type { StepExecutor } from './step-executor.ts';

/**
 * Removes images that nothing needs: decided on lists of what is there, then removed one by one and without force, so
 * that the Engine refuses what a container has begun to use meanwhile.
 */
export const cleanImages: StepExecutor<NodeWork & { kind: 'clean-images' }> = (context, step) =>
  withNodeClean(context, async clean => {
    const { isDryRun } = step.work;
    const choice = await clean.images();
    const { images, imageUsage } = isDryRun
      ? { images: { fates: [], exchanges: [] }, imageUsage: [] }
      : await clean.removal();
    const outcomes = isDryRun
      ? wouldBeRemoved(choice.removable.map(itemOf))
      : images.fates.map(({ item, fate }) => ({ item: itemOf(item), fate }));
    const removed = removedOf(outcomes);
    const reclaimedBytes = removed.length === 0 ? 0 : difference(imageUsage);
    const size = reclaimedBytes === undefined ? 'how many bytes is not known' : formatBytes(reclaimedBytes);
    return concludeRemoval({
      kind: 'images',
      isDryRun,
      outcomes,
      keptCount: countKept(choice),
      reclaimedBytes: isDryRun ? undefined : reclaimedBytes,
      what: `${removed.length} images${isDryRun ? '' : `, ${size}`}.${describeKept(choice)}`,
      exchanges: [...choice.listed, ...images.exchanges],
    });
  });

function itemOf({ id, tags, digests, sizeBytes }: LocalImage): RemovedItem {
  return { id, names: tags.length > 0 ? tags : digests, sizeBytes };
}

/** @returns undefined where it could not be measured: to clean is what was asked for, not to count */
function difference([before, after]: readonly Exchange[]): number | undefined {
  const [bytesBefore, bytesAfter] = [bytesOf(before), bytesOf(after)];
  return bytesBefore === undefined || bytesAfter === undefined
    ? undefined
    : Math.max(0, bytesBefore - bytesAfter);
}

function bytesOf(measured: Exchange | undefined): number | undefined {
  try {
    return measured && readImageBytes(measured);
  } catch (error) {
    if (error instanceof EngineAskFailure || error instanceof OperationError) {
      return undefined;
    }
    throw error;
  }
}
