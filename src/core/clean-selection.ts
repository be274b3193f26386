import { type ImagePattern, matchesImagePattern } from './image-policy.ts';
import { formatImageReference, type ImageReference, parseImageReference } from './image-reference.ts';
import type { LocalImage, StoppedContainer } from './node-listing.ts';

/** Why something stays. */
export type KeepReason = 'container' | 'service' | 'pattern' | 'age' | 'helper' | 'unreadable';

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

/**
 * Which stopped containers may go.
 * @param options.serviceIds of the services that there are, read after the containers: a helper whose service is
 *   there has output that nobody has read yet
 */
export function selectContainers(
  containers: readonly StoppedContainer[],
  { serviceIds, ...age }: AgeLimit & { readonly serviceIds: ReadonlySet<string> },
): Selection<StoppedContainer> {
  return select(containers, container => {
    const { isHelper, serviceId } = container;
    const isOldOrphan =
      serviceId !== undefined &&
      !serviceIds.has(serviceId) &&
      !isYounger(container, { ...age, minAgeMs: HELPER_GRACE_MS });
    if (isHelper && !isOldOrphan) {
      return 'helper';
    }
    return isYounger(container, age) ? 'age' : undefined;
  });
}

/**
 * Which images of a node may go: those that no container has, no service needs, no pattern keeps and that are old
 * enough. Where it can't be told, an image stays.
 * @param options.containerImages what the containers of the node, running or not, have as their image
 * @param options.neededImages references as specs have them: of every service as it is and as a rollback would make it,
 *   also of those without tasks, and of helpers
 */
export function selectImages(
  images: readonly LocalImage[],
  options: AgeLimit & {
    readonly containerImages: readonly string[];
    readonly neededImages: readonly string[];
    readonly keep: readonly ImagePattern[];
  },
): Selection<LocalImage> {
  const usedByContainers = createNeeds(options.containerImages);
  const neededByServices = createNeeds(options.neededImages);
  return select(images, image => {
    if (![...image.tags, ...image.digests].every(isReadable)) {
      return 'unreadable';
    }
    if (usedByContainers(image)) {
      return 'container';
    }
    if (neededByServices(image)) {
      return 'service';
    }
    if (options.keep.some(pattern => isKept(image, pattern))) {
      return 'pattern';
    }
    return isYounger(image, options) ? 'age' : undefined;
  });
}

/**
 * How to name an image so that it can be removed without force: by its id, which no other image can have got meanwhile;
 * the Engine takes that only where the image has one tag at most and one repository, so else by each reference.
 * @see github.com/moby/moby, daemon/images/image_delete.go (isSingleReference)
 */
export function removalArguments({ id, tags, digests }: LocalImage): readonly string[] {
  const repositories = new Set([...tags.map(repositoryOfTag), ...digests.map(repositoryOfDigest)]);
  if (tags.length <= 1 && repositories.size <= 1) {
    return [id];
  }
  // With the last tag of a repository its digests go too.
  const tagged = new Set(tags.map(repositoryOfTag));
  return [...tags, ...digests.filter(digest => !tagged.has(repositoryOfDigest(digest)))];
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
    }
  }
  return image =>
    digests.has(image.id) ||
    [...idPrefixes].some(([length, prefixes]) => prefixes.has(image.id.slice(0, length))) ||
    image.digests.some(text => digests.has(text.slice(text.indexOf('@') + 1))) ||
    image.tags.some(text => {
      const reference = parseImageReference(text);
      return reference !== undefined && tags.has(nameAndTag(reference));
    });
}

function isReadable(text: string): boolean {
  return parseImageReference(text) !== undefined;
}

function nameAndTag({ digest: _, ...reference }: ImageReference): string {
  return formatImageReference(reference);
}

/** An image without a tag may have had any: then its repository is enough for a pattern with a tag. */
function isKept(image: LocalImage, pattern: ImagePattern): boolean {
  if (image.tags.length === 0 && image.digests.length === 0) {
    return pattern.kind === 'any';
  }
  const { tag: _, ...anyTag } = pattern.kind === 'image' ? pattern : { ...pattern, tag: undefined };
  const untagged = image.tags.length === 0 ? (anyTag as ImagePattern) : pattern;
  return [...image.tags, ...image.digests].some(text => {
    const reference = parseImageReference(text);
    return reference !== undefined && matchesImagePattern(text.includes('@') ? untagged : pattern, reference);
  });
}

function repositoryOfTag(text: string): string {
  return text.slice(0, text.lastIndexOf(':'));
}

function repositoryOfDigest(text: string): string {
  return text.slice(0, text.indexOf('@'));
}
