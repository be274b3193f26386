import {
  removalArguments,
  type Selection,
  selectContainers,
  selectImages,
} from '../../core/clean-selection.ts';
import {
  type LocalImage,
  listContainerImages,
  listImages,
  listStoppedContainers,
  measureDisk,
  parseContainerImages,
  parseImages,
  parseStoppedContainers,
  type StoppedContainer,
} from '../../core/node-listing.ts';
import type { NodeWork, Step } from '../../core/step.ts';
import { insist } from '../insist.ts';
import type { Service } from '../swarm.ts';
import { type CommandResult, linesOf, type NodeCommand, runOnNode } from './node-command.ts';
import type { EngineWorld, NodeContext } from './step-executor.ts';

/**
 * The clean of one node: what there is, what of it can go, and its removal. To make a helper takes longer than what it
 * does, so all that the steps want to read is read in one, and all that they want to remove is removed in another, in
 * their order. Each promise is begun once; it may reject with what `runOnNode` throws and for lists that can't be read.
 */
export interface NodeClean {
  /** Which stopped containers can go. */
  containers(): Promise<Choice<StoppedContainer>>;
  /** Which images can go, also those that only these containers still use. */
  images(): Promise<Choice<LocalImage>>;
  /** What `docker system df` said; in a dry run only. */
  disk(): Promise<readonly CommandResult[]>;
  /** Removes all that. A step whose choice has failed has nothing removed. */
  removal(): Promise<Removal>;
}

export interface Choice<T> extends Selection<T> {
  readonly listed: readonly CommandResult[];
}

/** What the commands of each step came to. */
export interface Removal {
  readonly containers: readonly CommandResult[];
  readonly images: readonly CommandResult[];
  /** Before and after the images; none where no image could go. */
  readonly disk: readonly CommandResult[];
  readonly buildCache: readonly CommandResult[];
}

/** Arguments of one command: not so many that one command runs too long. */
const CHUNK_LENGTH = 50;

export function createNodeClean(context: NodeContext): NodeClean {
  const { world, steps } = context;
  const containerStep = find(steps, 'clean-containers');
  const imageStep = find(steps, 'clean-images');
  const cacheStep = find(steps, 'clean-build-cache');

  const list = once(() =>
    runParts(context, 'list', {
      containers: wanted(containerStep, listStoppedContainers),
      images: wanted(imageStep, listImages),
      containerImages: wanted(imageStep, listContainerImages),
      disk: wanted(cacheStep?.work.isDryRun ? cacheStep : undefined, measureDisk),
    }),
  );

  /** Read after the lists: a service that came meanwhile needs what is on them. */
  const services = once(async () => {
    await list();
    return insist(world.clock, () => world.swarm.listServices());
  });

  const containers = once(async (): Promise<Choice<StoppedContainer>> => {
    if (containerStep === undefined) {
      return nothing;
    }
    const { containers: listed } = await list();
    const stopped = parseStoppedContainers(linesOf(listed));
    const serviceIds = new Set((await services()).map(({ id }) => id));
    const selection = selectContainers(stopped, { serviceIds, ...ageOf(world, containerStep) });
    context.onProgress(`${selection.removable.length} of ${stopped.length} stopped containers can go.`);
    return { ...selection, listed };
  });

  const images = once(async (): Promise<Choice<LocalImage>> => {
    if (imageStep === undefined) {
      return nothing;
    }
    const { images: listed, containerImages } = await list();
    const found = parseImages(linesOf(listed));
    const going = new Set((await orNone(containers)).map(({ id }) => id));
    const selection = selectImages(found, {
      containerImages: parseContainerImages(linesOf(containerImages))
        .filter(({ containerId }) => !going.has(containerId))
        .map(({ image }) => image),
      neededImages: neededImages(world, await services()),
      keep: imageStep.work.keep,
      ...ageOf(world, imageStep),
    });
    context.onProgress(`${selection.removable.length} of ${found.length} images can go.`);
    return { ...selection, listed: [...listed, ...containerImages] };
  });

  const removal = once(async () => {
    const ids = (await orNone(containers)).map(({ id }) => id);
    const references = (await orNone(images)).map(removalArguments);
    const measure = references.length === 0 ? [] : wanted(imageStep, measureDisk);
    const { before, after, ...removed } = await runParts(context, 'remove', {
      containers: inChunks(ids).flatMap(chunk =>
        wanted(containerStep, ['docker', 'container', 'rm', '--', ...chunk]),
      ),
      before: measure,
      images: inChunks(references).flatMap(chunk =>
        wanted(imageStep, ['docker', 'image', 'rm', '--', ...chunk.flat()]),
      ),
      after: measure,
      buildCache: cacheStep === undefined ? [] : wanted(cacheStep, pruneCommand(cacheStep.work.minAgeMs)),
    });
    return { ...removed, disk: [...before, ...after] };
  });

  return {
    containers,
    images,
    disk: async () => (await list()).disk,
    removal,
  };
}

const nothing = { removable: [], kept: new Map(), listed: [] };

/** Of a choice that failed nothing is removed; its own step says so. */
async function orNone<T>(choose: () => Promise<Choice<T>>): Promise<readonly T[]> {
  return choose().then(
    ({ removable }) => removable,
    () => [],
  );
}

type StepOf<K extends NodeWork['kind']> = Step & { readonly work: NodeWork & { kind: K } };

function find<K extends NodeWork['kind']>(steps: readonly Step[], kind: K): StepOf<K> | undefined {
  return steps.find((step): step is StepOf<K> => step.work.kind === kind);
}

/** The command with its step's time-out; none where the step is not there. */
function wanted(step: Step | undefined, command: readonly string[]): readonly NodeCommand[] {
  return step === undefined ? [] : [{ command, timeoutMs: step.timeoutMs }];
}

function ageOf({ clock }: EngineWorld, { work }: { readonly work: { readonly minAgeMs: number } }) {
  return { nowMs: clock.now().getTime(), minAgeMs: work.minAgeMs };
}

/**
 * What services run, what a rollback would let them run, and what helpers run. Services without tasks count as much:
 * that they can be scaled up must not depend on a registry.
 */
function neededImages({ settings }: EngineWorld, services: readonly Service[]): readonly string[] {
  return [
    settings.helperImage,
    ...Object.values(settings.backupImages),
    ...services.flatMap(({ image, previousImage }) => [image, ...(previousImage ? [previousImage] : [])]),
  ];
}

/**
 * With BuildKit "disabled" the CLI itself asks the Engine. Else it leaves that to buildx where the image has it, which
 * wants to write its configuration, and a helper's root can't be written.
 * @see github.com/docker/cli, cmd/docker/builder.go (processBuilder)
 */
function pruneCommand(minAgeMs: number): readonly string[] {
  const age = minAgeMs === 0 ? [] : ['--filter', `until=${Math.ceil(minAgeMs / 1000)}s`];
  return ['env', 'DOCKER_BUILDKIT=0', 'docker', 'builder', 'prune', '--force', ...age];
}

/** Runs the commands of all parts in their order, and answers the results by part. */
async function runParts<P extends string>(
  context: NodeContext,
  place: string,
  parts: Readonly<Record<P, readonly NodeCommand[]>>,
): Promise<Readonly<Record<P, readonly CommandResult[]>>> {
  const names = Object.keys(parts) as P[];
  const commands = names.flatMap(name => parts[name]);
  const results = commands.length === 0 ? [] : [...(await runOnNode(context, place, commands))];
  return Object.fromEntries(
    names.map(name => [name, results.splice(0, parts[name].length)]),
  ) as unknown as Record<P, readonly CommandResult[]>;
}

function inChunks<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / CHUNK_LENGTH) }, (_, index) =>
    items.slice(index * CHUNK_LENGTH, (index + 1) * CHUNK_LENGTH),
  );
}

function once<T>(begin: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | undefined;
  return () => {
    begun ??= begin();
    return begun;
  };
}
