import { type ImagePattern, matchesImagePattern } from './image-policy.ts';
import { formatImageReference, type ImageReference, parseImageReference } from './image-reference.ts';
import type { ContainerImages, IdleContainer, LocalImage } from './node-listing.ts';

/** Why something stays. */
export type KeepReason =
  | 'container'
  | 'service'
  | 'pattern'
  | 'age'
  | 'helper'
  | 'unreadable'
  | 'not_started'
  | 'parent';

export interface Selection<T> {
  readonly removable: readonly T[];
  readonly kept: ReadonlyMap<KeepReason, number>;
}

/** What is new may be about to be used or read. */
interface AgeLimit {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** 0: age does not count. */
  readonly minAgeMs: number;
}

/** A helper's service is removed once its output was read; what its node still has of it then is garbage after this. */
const HELPER_GRACE_MS = 60 * 60 * 1000;
/** The swarm starts a task soon after it made its container. One that has waited for so long is forgotten. */
const TASK_GRACE_MS = 60 * 60 * 1000;

/**
 * Which containers that do not run may go.
 * @param options.serviceIds of the services that there are, read after the containers: a helper whose service is
 *   there has output that nobody has read yet
 * @param options.createdMinAgeMs from which age those go that were created and never started; absent:
 *   only the swarm's own go, after an hour
 */
export function selectContainers(
  containers: readonly IdleContainer[],
  {
    serviceIds,
    createdMinAgeMs,
    ...age
  }: AgeLimit & { readonly serviceIds: ReadonlySet<string>; readonly createdMinAgeMs?: number | undefined },
): Selection<IdleContainer> {
  return select(containers, container => {
    const { isHelper, serviceId } = container;
    const isOlderThan = (minAgeMs: number) => !isYounger(container, { ...age, minAgeMs });
    const isOldOrphan = serviceId !== undefined && !serviceIds.has(serviceId) && isOlderThan(HELPER_GRACE_MS);
    if (isHelper && !isOldOrphan) {
      return 'helper';
    }
    const mayStillStart =
      container.hasNeverStarted &&
      !(container.isTask && isOlderThan(TASK_GRACE_MS)) &&
      !(createdMinAgeMs !== undefined && isOlderThan(createdMinAgeMs));
    if (mayStillStart) {
      return 'not_started';
    }
    return isYounger(container, age) ? 'age' : undefined;
  });
}

/**
 * Which images of a node may go: those that no container has, no service needs, no pattern keeps and that are old
 * enough, and that nothing that stays was built on. Where it can't be told, an image stays.
 * @param options.containers of the node, running or not, without those that go
 * @param options.neededImages references as specs have them: of every service as it is and as a rollback would make it,
 *   also of those without tasks, and of helpers
 * @returns an image before those that it was built on
 */
export function selectImages(
  images: readonly LocalImage[],
  options: AgeLimit & {
    readonly containers: readonly ContainerImages[];
    readonly neededImages: readonly string[];
    readonly keep: readonly ImagePattern[];
  },
): Selection<LocalImage> {
  const { containers, keep } = options;
  const idsOfContainers = new Set(containers.map(({ imageId }) => imageId));
  const mountedByContainers = createNeeds(containers.flatMap(({ mountedImages }) => mountedImages));
  const neededByServices = createNeeds(options.neededImages);
  const reasonOf = (image: LocalImage): KeepReason | undefined => {
    const names = [...image.tags, ...image.digests];
    if (!names.every(isReadable)) {
      return 'unreadable';
    }
    if (idsOfContainers.has(image.id) || mountedByContainers(image)) {
      return 'container';
    }
    if (neededByServices(image)) {
      return 'service';
    }
    if (keep.some(pattern => isKept(names, pattern))) {
      return 'pattern';
    }
    return isYounger(image, options) ? 'age' : undefined;
  };
  const reasons = new Map(images.map(image => [image.id, reasonOf(image)]));
  const parents = new Map(images.map(({ id, parentId }) => [id, parentId]));
  for (const image of images.filter(({ id }) => reasons.get(id) !== undefined)) {
    for (const id of ancestorsOf(image.id, parents)) {
      reasons.set(id, reasons.get(id) ?? 'parent');
    }
  }
  const { removable, kept } = select(images, ({ id }) => reasons.get(id));
  const depth = new Map(removable.map(({ id }) => [id, ancestorsOf(id, parents).length]));
  return { removable: removable.toSorted((a, b) => (depth.get(b.id) ?? 0) - (depth.get(a.id) ?? 0)), kept };
}

/** Longest chain of images, one built on the other, that is followed: each step of a Dockerfile is one. */
const MAX_ANCESTORS = 1000;

/** The images that one was built on, as far as the node has them. */
function ancestorsOf(id: string, parents: ReadonlyMap<string, string | undefined>): readonly string[] {
  const ancestors: string[] = [];
  let next = parents.get(id);
  while (next !== undefined && parents.has(next) && ancestors.length < MAX_ANCESTORS) {
    ancestors.push(next);
    next = parents.get(next);
  }
  return ancestors;
}

function select<T>(items: readonly T[], reasonToKeep: (item: T) => KeepReason | undefined): Selection<T> {
  const removable: T[] = [];
  const kept = new Map<KeepReason, number>();
  for (const item of items) {
    const reason = reasonToKeep(item);
    if (reason === undefined) {
      removable.push(item);
    } else {
      kept.set(reason, (kept.get(reason) ?? 0) + 1);
    }
  }
  return { removable, kept };
}

/** An unknown age may be any. */
function isYounger(item: { readonly createdAtMs?: number }, { nowMs, minAgeMs }: AgeLimit): boolean {
  return minAgeMs > 0 && (item.createdAtMs === undefined || nowMs - item.createdAtMs < minAgeMs);
}

/** Makes the test whether an image is one of those that these texts may mean: by id, by digest or by tag. */
function createNeeds(texts: readonly string[]): (image: LocalImage) => boolean {
  const digests = new Set<string>();
  const tags = new Set<string>();
  /** Of texts without a digest: any image that ever had the tag may be meant. */
  const loneTags = new Set<string>();
  /** By their length: there are few lengths, and can be very many of one. */
  const idPrefixes = new Map<number, Set<string>>();
  for (const text of texts) {
    const id = /^(?:sha256:)?([0-9a-f]{6,64})$/.exec(text)?.[1];
    if (id !== undefined) {
      const prefix = `sha256:${id}`;
      idPrefixes.set(prefix.length, (idPrefixes.get(prefix.length) ?? new Set()).add(prefix));
    }
    const reference = parseImageReference(text);
    if (reference?.digest !== undefined) {
      digests.add(reference.digest);
    }
    if (reference?.tag !== undefined) {
      tags.add(nameAndTag(reference));
      if (reference.digest === undefined) {
        loneTags.add(nameAndTag(reference));
      }
    }
  }
  return image =>
    digests.has(image.id) ||
    [...idPrefixes].some(([length, prefixes]) => prefixes.has(image.id.slice(0, length))) ||
    [...image.tags, ...image.digests].some(text => {
      const reference = parseImageReference(text);
      if (reference === undefined) {
        return false;
      }
      // A name with a digest says what the tag stood for at its time: the tag with another digest is another image.
      const byTag = reference.digest === undefined ? tags : loneTags;
      return (
        (reference.digest !== undefined && digests.has(reference.digest)) ||
        (reference.tag !== undefined && byTag.has(nameAndTag(reference)))
      );
    });
}

function isReadable(text: string): boolean {
  return parseImageReference(text) !== undefined;
}

function nameAndTag({ digest: _, ...reference }: ImageReference): string {
  return formatImageReference(reference);
}

/** A name without a tag may have had any, unless another of its repository has one: then the repository is enough. */
function isKept(names: readonly string[], pattern: ImagePattern): boolean {
  if (pattern.kind === 'any') {
    return true;
  }
  const { tag: _, ...anyTag } = pattern;
  const references = names.map(parseImageReference).filter(reference => reference !== undefined);
  const tagged = new Set(references.filter(({ tag }) => tag !== undefined).map(repositoryOf));
  return references.some(reference =>
    matchesImagePattern(tagged.has(repositoryOf(reference)) ? pattern : anyTag, reference),
  );
}

function repositoryOf({ registry, repository }: ImageReference): string {
  return `${registry}/${repository}`;
}
