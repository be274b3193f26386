import { formatBytes } from '../../core/docker-size.ts';
import { type LocalImage, parseDiskUsage } from '../../core/node-listing.ts';
import type { NodeWork, RemovedItem } from '../../core/step.ts';
import type { CommandResult } from './node-command.ts';
import { concludeRemoval, countKept, describeKept, findRefusals, withNodeClean } from './node-outcome.ts';
import type { StepExecutor } from './step-executor.ts';

/**
 * Removes images that nobody needs: decided on lists of what is there, then removed one by one and without force, so
 * that the Engine refuses what a container has begun to use meanwhile.
 */
export const cleanImages: StepExecutor<NodeWork & { kind: 'clean-images' }> = (context, step) =>
  withNodeClean(context, async clean => {
    const { isDryRun } = step.work;
    const choice = await clean.images();
    const removal = isDryRun ? { images: [], disk: [] } : await clean.removal();
    const gone = new Set(removal.images.flatMap(({ stdout }) => stdout));
    const isGone = ({ id }: LocalImage) => isDryRun || gone.has(`Deleted: ${id}`);
    const removed = choice.removable.filter(isGone).map(itemOf);
    const left = choice.removable.filter(image => !isGone(image)).map(itemOf);
    const [before, after] = removal.disk;
    const reclaimedBytes = removed.length === 0 ? 0 : difference(before, after);
    const size = reclaimedBytes === undefined ? 'how many bytes is not known' : formatBytes(reclaimedBytes);
    return concludeRemoval(
      {
        kind: 'images',
        isDryRun,
        removed,
        refused: findRefusals(left, removal.images),
        keptCount: countKept(choice),
        ...(reclaimedBytes !== undefined && !isDryRun && { reclaimedBytes }),
      },
      `${removed.length} images${isDryRun ? '' : `, ${size}`}.${describeKept(choice)}`,
      [...choice.listed, ...removal.images],
    );
  });

function itemOf({ id, tags, digests, sizeBytes }: LocalImage): RemovedItem {
  return { id, names: tags.length > 0 ? tags : digests, ...(sizeBytes !== undefined && { sizeBytes }) };
}

/** @returns undefined where it could not be measured: to clean is what was asked for, not to count */
function difference(before: CommandResult | undefined, after: CommandResult | undefined): number | undefined {
  const [bytesBefore, bytesAfter] = [bytesOf(before), bytesOf(after)];
  return bytesBefore === undefined || bytesAfter === undefined
    ? undefined
    : Math.max(0, bytesBefore - bytesAfter);
}

/** What all images take, layers that they share counted once. */
function bytesOf(measured: CommandResult | undefined): number | undefined {
  return measured?.exitCode === 0 ? parseDiskUsage(measured.stdout).get('Images')?.bytes : undefined;
}
