import { formatBytes, parseDockerSize } from '../../core/docker-size.ts';
import { measureDisk, parseDiskUsage } from '../../core/node-listing.ts';
import type { NodeWork } from '../../core/step.ts';
import { reportRemoval, withNodeCommands } from './node-command.ts';
import { concludeRemoval } from './removal-outcome.ts';
import type { StepExecutor } from './step-executor.ts';

/** Lets the node's builder remove the build cache that nothing uses. */
export const cleanBuildCache: StepExecutor<NodeWork & { kind: 'clean-build-cache' }> = (context, step) =>
  withNodeCommands(context, step, async commands => {
    const { isDryRun, minAgeMs } = step.work;
    const reclaimedBytes = isDryRun
      ? parseDiskUsage(await commands.read('measure', measureDisk)).get('Build Cache')?.reclaimableBytes
      : readReclaimed(await commands.read('prune', pruneCommand(minAgeMs)));
    const removal = reportRemoval({
      kind: 'build-cache',
      isDryRun,
      removed: [],
      refused: [],
      ...(reclaimedBytes !== undefined && { reclaimedBytes }),
    });
    const size = reclaimedBytes === undefined ? 'how much is not known' : formatBytes(reclaimedBytes);
    return concludeRemoval(removal, `build cache: ${isDryRun ? 'at most ' : ''}${size}.`);
  });

/**
 * With BuildKit "disabled" the CLI itself asks the Engine. Else it leaves that to buildx where the image has it, which
 * wants to write its configuration, and a helper's root can't be written.
 * @see github.com/docker/cli, cmd/docker/builder.go (processBuilder)
 */
function pruneCommand(minAgeMs: number): readonly string[] {
  const age = minAgeMs === 0 ? [] : ['--filter', `until=${Math.ceil(minAgeMs / 1000)}s`];
  return ['env', 'DOCKER_BUILDKIT=0', 'docker', 'builder', 'prune', '--force', ...age];
}

/** The CLI says `Total reclaimed space: 1.2GB`, buildx, which takes the command's place, `Total:	1.2GB`. */
function readReclaimed(lines: readonly string[]): number | undefined {
  const [, size = ''] = /^Total(?: reclaimed space)?:\s*(\S+)/.exec(lines.at(-1) ?? '') ?? [];
  return parseDockerSize(size);
}
