import { type Selection, selectContainers, selectImages } from '../../core/clean-selection.ts';
import { helperName } from '../../core/helper-name.ts';
import type { IdleContainer, LocalImage } from '../../core/node-listing.ts';
import type { NodeWork, Step } from '../../core/step.ts';
import { insist } from '../insist.ts';
import { askEngine } from '../node-engine/ask-engine.ts';
import {
  listContainers,
  listIdleContainers,
  readContainers,
  readIdleContainers,
  removeContainer,
} from '../node-engine/containers.ts';
import type { Conversation, EngineRequest, Exchange } from '../node-engine/conversation.ts';
import { measureBuildCache, measureImages, pruneBuildCache } from '../node-engine/disk-usage.ts';
import { listImages, readImages, removeImage } from '../node-engine/images.ts';
import { type Fate, planRemovals, saysDeleted } from '../node-engine/removals.ts';
import type { Service } from '../swarm.ts';
import type { EngineWorld, NodeContext } from './step-executor.ts';

/**
 * The clean of one node: what there is, what of it can go, and its removal. To make a helper takes longer than what it
 * does, so all that the steps want to read is read in one, and all that they want to remove is removed in another, in
 * their order. Each promise is begun once; it may reject with what `askEngine` and `readJson` throw.
 */
export interface NodeClean {
  /** Which containers can go. */
  containers(): Promise<Choice<IdleContainer>>;
  /** Which images can go, also those that only these containers still use. */
  images(): Promise<Choice<LocalImage>>;
  /** Removes all that. A step whose choice has failed has nothing removed. */
  removal(): Promise<Removal>;
  /** What became of the build cache; in a dry run: what it takes. */
  buildCache(): Promise<Exchange>;
}

export interface Choice<T> extends Selection<T> {
  readonly listed: readonly Exchange[];
}

/** What became of what a step had chosen. */
export interface Removed<T> {
  readonly fates: readonly { readonly item: T; readonly fate: Fate }[];
  readonly exchanges: readonly Exchange[];
}

export interface Removal {
  readonly containers: Removed<IdleContainer>;
  readonly images: Removed<LocalImage>;
  /** What images took before and after; none where no image could go. */
  readonly imageUsage: readonly Exchange[];
  readonly buildCache: readonly Exchange[];
}

export function createNodeClean(context: NodeContext): NodeClean {
  const { world, steps } = context;
  const containerStep = find(steps, 'clean-containers');
  const imageStep = find(steps, 'clean-images');
  const cacheStep = find(steps, 'clean-build-cache');

  const list = once(() =>
    askInParts(context, 'list', {
      containers: wanted(containerStep, listIdleContainers),
      // Containers after images: one that came in between keeps its image.
      images: wanted(imageStep, listImages, listContainers),
      cacheUsage: wanted(cacheStep?.work.isDryRun ? cacheStep : undefined, measureBuildCache),
    }),
  );

  /** Read after the lists: a service that came meanwhile needs what is on them. */
  const services = once(async () => {
    await list();
    return insist(world.clock, () => world.swarm.listServices());
  });

  const containers = once(async (): Promise<Choice<IdleContainer>> => {
    const [exchange] = (await list()).containers;
    if (containerStep === undefined || exchange === undefined) {
      return nothing;
    }
    const idle = readIdleContainers(exchange, 0);
    const { createdMinAgeMs } = containerStep.work;
    const serviceIds = new Set((await services()).map(({ id }) => id));
    const selection = selectContainers(idle, { serviceIds, createdMinAgeMs, ...ageOf(world, containerStep) });
    context.onProgress(`${selection.removable.length} of ${idle.length} idle containers can go.`);
    return { ...selection, listed: [exchange] };
  });

  const images = once(async (): Promise<Choice<LocalImage>> => {
    const [exchange] = (await list()).images;
    if (imageStep === undefined || exchange === undefined) {
      return nothing;
    }
    const found = readImages(exchange, 0);
    const all = readContainers(exchange, 1);
    const going = new Set((await orNone(containers)).map(({ id }) => id));
    const selection = selectImages(found, {
      containers: all.filter(({ containerId }) => !going.has(containerId)),
      neededImages: neededImages(world, await services()),
      keep: imageStep.work.keep,
      ...ageOf(world, imageStep),
    });
    context.onProgress(`${selection.removable.length} of ${found.length} images can go.`);
    return { ...selection, listed: [exchange] };
  });

  const removal = once(async (): Promise<Removal> => {
    const goneContainers = planRemovals(
      await orNone(containers),
      ({ id }) => [removeContainer(id)],
      containerStep?.timeoutMs ?? 0,
      () => true,
    );
    const goneImages = planRemovals(
      await orNone(images),
      removeImage,
      imageStep?.timeoutMs ?? 0,
      saysDeleted,
    );
    const measure =
      imageStep === undefined || goneImages.conversations.length === 0
        ? []
        : [measureImages(imageStep.timeoutMs)];
    const exchanges = await askInParts(context, 'remove', {
      containers: goneContainers.conversations,
      before: measure,
      images: goneImages.conversations,
      after: measure,
      buildCache: cacheStep === undefined ? [] : wanted(cacheStep, pruneBuildCache(cacheStep.work.minAgeMs)),
    });
    return {
      containers: { fates: goneContainers.fates(exchanges.containers), exchanges: exchanges.containers },
      images: { fates: goneImages.fates(exchanges.images), exchanges: exchanges.images },
      imageUsage: [...exchanges.before, ...exchanges.after],
      buildCache: exchanges.buildCache,
    };
  });

  return {
    containers,
    images,
    removal,
    async buildCache() {
      const [exchange] = cacheStep?.work.isDryRun ? (await list()).cacheUsage : (await removal()).buildCache;
      if (exchange === undefined) {
        throw new TypeError('No step is about the build cache.');
      }
      return exchange;
    },
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

/** One conversation with the step's time-out; none where the step is not there. */
function wanted(step: Step | undefined, ...requests: readonly EngineRequest[]): readonly Conversation[] {
  return step === undefined ? [] : [{ requests, timeoutMs: step.timeoutMs }];
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

/** Has the conversations of all parts in their order, and answers what they came to by part. */
async function askInParts<P extends string>(
  context: NodeContext,
  place: string,
  parts: Readonly<Record<P, readonly Conversation[]>>,
): Promise<Readonly<Record<P, readonly Exchange[]>>> {
  const { world, node } = context;
  const names = Object.keys(parts) as P[];
  const conversations = names.flatMap(name => parts[name]);
  const nameOf = (index: number) =>
    helperName('clean', { id: node.id, name: node.hostname }, `${place}-${index}`);
  const exchanges =
    conversations.length === 0 ? [] : [...(await askEngine(world, node, { nameOf }, conversations))];
  return Object.fromEntries(
    names.map(name => [name, exchanges.splice(0, parts[name].length)]),
  ) as unknown as Record<P, readonly Exchange[]>;
}

function once<T>(begin: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | undefined;
  return () => {
    begun ??= begin();
    return begun;
  };
}
