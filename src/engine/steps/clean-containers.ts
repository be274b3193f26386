import { formatBytes } from '../../core/docker-size.ts';
import type { IdleContainer } from '../../core/node-listing.ts';
import type { NodeWork, RemovedItem } from '../../core/step.ts';
import {
  concludeRemoval,
  countKept,
  describeKept,
  removedOf,
  withNodeClean,
  wouldBeRemoved,
} from './node-outcome.ts';
import type { StepExecutor } from './step-executor.ts';

/** Removes containers that do not run, by their ids and without force: one that was started meanwhile stays. */
export const cleanContainers: StepExecutor<NodeWork & { kind: 'clean-containers' }> = (context, step) =>
  withNodeClean(context, async clean => {
    const { isDryRun } = step.work;
    const choice = await clean.containers();
    const { fates, exchanges } = isDryRun ? { fates: [], exchanges: [] } : (await clean.removal()).containers;
    const outcomes = isDryRun
      ? wouldBeRemoved(choice.removable.map(itemOf))
      : fates.map(({ item, fate }) => ({ item: itemOf(item), fate }));
    const removed = removedOf(outcomes);
    const neverStarted = new Set(
      choice.removable.filter(({ hasNeverStarted }) => hasNeverStarted).map(({ id }) => id),
    );
    const unstarted = removed.filter(({ id }) => neverStarted.has(id)).length;
    const stopped = removed.length - unstarted;
    const also = unstarted === 0 ? '' : ` and ${unstarted} that never started`;
    const reclaimedBytes = removed.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    return concludeRemoval({
      kind: 'containers',
      isDryRun,
      outcomes,
      keptCount: countKept(choice),
      reclaimedBytes,
      what: `${stopped} stopped containers${also}, ${formatBytes(reclaimedBytes)}.${describeKept(choice)}`,
      exchanges: [...choice.listed, ...exchanges],
    });
  });

function itemOf({ id, name, sizeBytes }: IdleContainer): RemovedItem {
  return { id, names: [name], sizeBytes };
}
