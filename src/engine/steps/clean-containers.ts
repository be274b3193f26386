import { formatBytes } from '../../core/docker-size.ts';
import type { StoppedContainer } from '../../core/node-listing.ts';
import type { NodeWork, RemovedItem } from '../../core/step.ts';
import { concludeRemoval, countKept, describeKept, findRefusals, withNodeClean } from './node-outcome.ts';
import type { StepExecutor } from './step-executor.ts';

/** Removes stopped containers, by their ids and without force: one that was started meanwhile stays. */
export const cleanContainers: StepExecutor<NodeWork & { kind: 'clean-containers' }> = (context, step) =>
  withNodeClean(context, async clean => {
    const { isDryRun } = step.work;
    const choice = await clean.containers();
    const chosen = choice.removable.map(itemOf);
    const results = isDryRun ? [] : (await clean.removal()).containers;
    const gone = new Set(results.flatMap(({ stdout }) => stdout));
    const removed = isDryRun ? chosen : chosen.filter(({ id }) => gone.has(id));
    const left = isDryRun ? [] : chosen.filter(({ id }) => !gone.has(id));
    const reclaimedBytes = removed.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    return concludeRemoval(
      {
        kind: 'containers',
        isDryRun,
        removed,
        refused: findRefusals(left, results),
        keptCount: countKept(choice),
        reclaimedBytes,
      },
      `${removed.length} stopped containers, ${formatBytes(reclaimedBytes)}.${describeKept(choice)}`,
      [...choice.listed, ...results],
    );
  });

function itemOf({ id, name, sizeBytes }: StoppedContainer): RemovedItem {
  return { id, names: [name], ...(sizeBytes !== undefined && { sizeBytes }) };
}
