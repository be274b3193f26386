import { removalArguments, type Selection, selectImages } from '../../core/clean-selection.ts';
import { formatBytes } from '../../core/docker-size.ts';
import {
  type LocalImage,
  listContainerImages,
  listImages,
  measureDisk,
  parseContainerImages,
  parseDiskUsage,
  parseImages,
} from '../../core/node-listing.ts';
import type { NodeWork, RemovedItem } from '../../core/step.ts';
import { insist } from '../insist.ts';
import {
  countKept,
  describeKept,
  findRefusals,
  NodeCommandFailure,
  type NodeCommands,
  reportRemoval,
  withNodeCommands,
} from './node-command.ts';
import { concludeRemoval, inChunks } from './removal-outcome.ts';
import type { EngineWorld, StepExecutor } from './step-executor.ts';

/**
 * Removes images that nobody needs: decided on lists of what is there, then removed one by one and without force, so
 * that the Engine refuses what a container has begun to use meanwhile.
 */
export const cleanImages: StepExecutor<NodeWork & { kind: 'clean-images' }> = (context, step) =>
  withNodeCommands(context, step, async commands => {
    const { world } = context;
    const { isDryRun, minAgeMs, keep } = step.work;
    const [imageLines, containerLines] = await both(
      commands.read('list', listImages),
      commands.read('list-containers', listContainerImages),
    );
    const images = parseImages(imageLines);
    const containerImages = parseContainerImages(containerLines)
      .filter(({ containerId }) => !context.chosenContainers?.has(containerId))
      .map(({ image }) => image);
    const select = async () =>
      selectImages(images, {
        containerImages,
        neededImages: await listNeededImages(world),
        keep,
        nowMs: world.clock.now().getTime(),
        minAgeMs,
      });
    let selection = await select();
    context.onProgress(`${selection.removable.length} of ${images.length} images can go.`);
    const bytesBefore =
      isDryRun || selection.removable.length === 0
        ? undefined
        : await measureImages(commands, 'measure-before');
    if (!isDryRun) {
      // A service that came to need one meanwhile keeps it.
      selection = await select();
    }
    const { removed, refused } = isDryRun
      ? { removed: selection.removable.map(itemOf), refused: [] }
      : await remove(commands, selection);
    const bytesAfter =
      removed.length === 0 || isDryRun ? bytesBefore : await measureImages(commands, 'measure-after');
    const reclaimedBytes = removed.length === 0 ? 0 : difference(bytesBefore, bytesAfter);
    const removal = reportRemoval({
      kind: 'images',
      isDryRun,
      removed,
      refused,
      keptCount: countKept(selection),
      ...(reclaimedBytes !== undefined && !isDryRun && { reclaimedBytes }),
    });
    const size = isDryRun
      ? ''
      : `, ${reclaimedBytes === undefined ? 'how many bytes is not known' : formatBytes(reclaimedBytes)}`;
    return concludeRemoval(removal, `${removed.length} images${size}.${describeKept(selection)}`);
  });

/**
 * What services run, what a rollback would let them run, and what helpers run. Services without tasks count as much:
 * that they can be scaled up must not depend on a registry.
 */
async function listNeededImages({ swarm, clock, settings }: EngineWorld): Promise<readonly string[]> {
  const services = await insist(clock, () => swarm.listServices());
  return [
    settings.helperImage,
    ...services.flatMap(({ image, previousImage }) => [image, ...(previousImage ? [previousImage] : [])]),
  ];
}

async function remove(commands: NodeCommands, { removable }: Selection<LocalImage>) {
  const stdout = new Set<string>();
  const stderr: string[] = [];
  for (const [index, chunk] of inChunks(removable).entries()) {
    const output = await commands.attempt(`remove-${index}`, [
      ...['docker', 'image', 'rm', '--'],
      ...chunk.flatMap(removalArguments),
    ]);
    for (const line of output.stdout) {
      stdout.add(line);
    }
    stderr.push(...output.stderr);
  }
  const isGone = ({ id }: LocalImage) => stdout.has(`Deleted: ${id}`);
  const left = removable.filter(image => !isGone(image)).map(itemOf);
  return { removed: removable.filter(isGone).map(itemOf), refused: findRefusals(left, stderr) };
}

function itemOf({ id, tags, digests, sizeBytes }: LocalImage): RemovedItem {
  return { id, names: tags.length > 0 ? tags : digests, ...(sizeBytes !== undefined && { sizeBytes }) };
}

/** @returns what all images take, layers that they share counted once; undefined where it can't be measured in time */
async function measureImages(commands: NodeCommands, place: string): Promise<number | undefined> {
  try {
    return parseDiskUsage(await commands.read(place, measureDisk)).get('Images')?.bytes;
  } catch (error) {
    // To clean is what was asked for, not to count.
    if (error instanceof NodeCommandFailure) {
      return undefined;
    }
    throw error;
  }
}

function difference(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : Math.max(0, before - after);
}

/** Waits for both, also when one fails: no helper may be at work once the lock is free. */
async function both<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b]);
  return Promise.all([a, b]);
}
