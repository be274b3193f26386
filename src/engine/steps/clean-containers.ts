import { selectContainers } from '../../core/clean-selection.ts';
import { formatBytes } from '../../core/docker-size.ts';
import {
  listStoppedContainers,
  parseStoppedContainers,
  type StoppedContainer,
} from '../../core/node-listing.ts';
import type { NodeWork, RemovedItem } from '../../core/step.ts';
import { insist } from '../insist.ts';
import {
  countKept,
  describeKept,
  findRefusals,
  type NodeCommands,
  reportRemoval,
  withNodeCommands,
} from './node-command.ts';
import { concludeRemoval, inChunks } from './removal-outcome.ts';
import type { StepExecutor } from './step-executor.ts';

/** Removes stopped containers, by their ids and without force: one that was started meanwhile stays. */
export const cleanContainers: StepExecutor<NodeWork & { kind: 'clean-containers' }> = (context, step) =>
  withNodeCommands(context, step, async commands => {
    const { swarm, clock } = context.world;
    const { isDryRun, minAgeMs } = step.work;
    const stopped = parseStoppedContainers(await commands.read('list', listStoppedContainers));
    const services = await insist(clock, () => swarm.listServices());
    const selection = selectContainers(stopped, {
      serviceIds: new Set(services.map(({ id }) => id)),
      nowMs: clock.now().getTime(),
      minAgeMs,
    });
    const chosen = selection.removable.map(itemOf);
    if (isDryRun) {
      context.chosenContainers = new Set(chosen.map(({ id }) => id));
    }
    context.onProgress(`${chosen.length} of ${stopped.length} stopped containers can go.`);
    const { removed, refused } = isDryRun ? { removed: chosen, refused: [] } : await remove(commands, chosen);
    const reclaimedBytes = removed.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    const removal = reportRemoval({
      kind: 'containers',
      isDryRun,
      removed,
      refused,
      keptCount: countKept(selection),
      reclaimedBytes,
    });
    const what = `${removed.length} stopped containers, ${formatBytes(reclaimedBytes)}.${describeKept(selection)}`;
    return concludeRemoval(removal, what);
  });

function itemOf({ id, name, sizeBytes }: StoppedContainer): RemovedItem {
  return { id, names: [name], ...(sizeBytes !== undefined && { sizeBytes }) };
}

async function remove(commands: NodeCommands, chosen: readonly RemovedItem[]) {
  const stdout = new Set<string>();
  const stderr: string[] = [];
  for (const [index, chunk] of inChunks(chosen).entries()) {
    const ids = chunk.map(({ id }) => id);
    const output = await commands.attempt(`remove-${index}`, ['docker', 'container', 'rm', '--', ...ids]);
    for (const line of output.stdout) {
      stdout.add(line);
    }
    stderr.push(...output.stderr);
  }
  const left = chosen.filter(({ id }) => !stdout.has(id));
  return { removed: chosen.filter(({ id }) => stdout.has(id)), refused: findRefusals(left, stderr) };
}
