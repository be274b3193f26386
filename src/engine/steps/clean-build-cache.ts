import { formatBytes, parseDockerSize } from '../../core/docker-size.ts';
import { parseDiskUsage } from '../../core/node-listing.ts';
import type { NodeWork } from '../../core/step.ts';
import { linesOf } from './node-command.ts';
import { concludeRemoval, withNodeClean } from './node-outcome.ts';
import type { StepExecutor } from './step-executor.ts';

/** Lets the node's builder remove the build cache that nothing uses. */
export const cleanBuildCache: StepExecutor<NodeWork & { kind: 'clean-build-cache' }> = (context, step) =>
  withNodeClean(context, async clean => {
    const { isDryRun } = step.work;
    const results = isDryRun ? await clean.disk() : (await clean.removal()).buildCache;
    const lines = linesOf(results);
    const reclaimedBytes = isDryRun
      ? parseDiskUsage(lines).get('Build Cache')?.reclaimableBytes
      : readReclaimed(lines);
    const size = reclaimedBytes === undefined ? 'how much is not known' : formatBytes(reclaimedBytes);
    return concludeRemoval(
      {
        kind: 'build-cache',
        isDryRun,
        removed: [],
        refused: [],
        ...(reclaimedBytes !== undefined && { reclaimedBytes }),
      },
      `build cache: ${isDryRun ? 'at most ' : ''}${size}.`,
      results,
    );
  });

/** The CLI says `Total reclaimed space: 1.2GB`, buildx, which takes the command's place, `Total:	1.2GB`. */
function readReclaimed(lines: readonly string[]): number | undefined {
  const [, size = ''] = /^Total(?: reclaimed space)?:\s*(\S+)/.exec(lines.at(-1) ?? '') ?? [];
  return parseDockerSize(size);
}
