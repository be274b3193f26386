import { formatBytes } from '../../core/docker-size.ts';
import type { NodeWork } from '../../core/step.ts';
import { readPruned, readReclaimableCache } from '../node-engine/disk-usage.ts';
import { concludeRemoval, withNodeClean } from './node-outcome.ts';
import type { StepExecutor } from './step-executor.ts';

/** Lets the node's builder remove the build cache that nothing uses. */
export const cleanBuildCache: StepExecutor<NodeWork & { kind: 'clean-build-cache' }> = (context, step) =>
  withNodeClean(context, async clean => {
    const { isDryRun } = step.work;
    const exchange = await clean.buildCache();
    const reclaimedBytes = isDryRun ? readReclaimableCache(exchange) : readPruned(exchange);
    return concludeRemoval({
      kind: 'build-cache',
      isDryRun,
      outcomes: [],
      reclaimedBytes,
      what: `build cache: ${isDryRun ? 'at most ' : ''}${formatBytes(reclaimedBytes)}.`,
      exchanges: [exchange],
    });
  });
