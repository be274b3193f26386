import {
  formatImageReference,
  type ImageReference,
  parseImageName,
  parseImageReference,
} from './image-reference.ts';

/** One entry of `image-allow`. */
export type ImagePattern =
  | { readonly kind: 'any' }
  | {
      readonly kind: 'image';
      readonly registry: string;
      readonly repository: string;
      /** The repository only begins with `repository`. */
      readonly isRepositoryPrefix: boolean;
      /** Absent: any tag. */
      readonly tag?: string;
      /** The tag only begins with `tag`. */
      readonly isTagPrefix: boolean;
    };

export type ImageDecision =
  | {
      readonly allowed: true;
      /** Only a tag pattern allows it, and a digest came with the tag: they must belong together. */
      readonly mustMatchTag: boolean;
      /** Whether a pattern with a tag allowed it. */
      readonly byTagPattern: boolean;
    }
  | { readonly allowed: false; readonly message: string };

/** @returns undefined when the text is no `registry/repository[:tag]` with `*` only at the end */
export function parseImagePattern(text: string): ImagePattern | undefined {
  if (text === '*') {
    return { kind: 'any' };
  }
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  const nameText = colon < 0 ? text : text.slice(0, colon);
  const tagText = colon < 0 ? undefined : text.slice(colon + 1);
  const isRepositoryPrefix = nameText.endsWith('*');
  // A prefix such as `acme/` is no name yet; a letter makes it one for the parser and is taken off again.
  const name = parseImageName(isRepositoryPrefix ? `${nameText.slice(0, -1)}x` : nameText);
  const isTagPrefix = tagText?.endsWith('*') ?? false;
  const tag = isTagPrefix ? tagText?.slice(0, -1) : tagText;
  if (
    name === undefined ||
    (tag !== undefined && !/^[A-Za-z0-9_.-]{0,128}$/.test(tag)) ||
    (tag === '' && !isTagPrefix)
  ) {
    return undefined;
  }
  return {
    kind: 'image',
    registry: name.registry,
    repository: isRepositoryPrefix ? name.repository.slice(0, -1) : name.repository,
    isRepositoryPrefix,
    ...(tag !== undefined && { tag }),
    isTagPrefix,
  };
}

/**
 * May this image go onto a service that runs `runningImage`?
 * @param patterns `image-allow`; absent: the repository of the running image
 */
export function decideImage(
  image: ImageReference,
  runningImage: string,
  patterns: readonly ImagePattern[] | undefined,
): ImageDecision {
  if (patterns === undefined) {
    return decideByRunningImage(image, runningImage);
  }
  const matching = patterns.filter(pattern => matchesImagePattern(pattern, image));
  if (matching.length === 0) {
    return {
      allowed: false,
      message: `${formatImageReference(image)} is not one of the images that image-allow names.`,
    };
  }
  const byTagPattern = matching.some(pattern => pattern.kind === 'image' && pattern.tag !== undefined);
  const byNameAlone = matching.some(pattern => pattern.kind === 'any' || pattern.tag === undefined);
  return { allowed: true, byTagPattern, mustMatchTag: !byNameAlone && image.digest !== undefined };
}

function decideByRunningImage(image: ImageReference, runningImage: string): ImageDecision {
  const running = parseImageReference(runningImage);
  if (running?.registry === image.registry && running.repository === image.repository) {
    return { allowed: true, byTagPattern: false, mustMatchTag: false };
  }
  return {
    allowed: false,
    message:
      `${formatImageReference(image)} is not from the repository that the service runs now. ` +
      'The label swarm-utils.update.image-allow can name other images.',
  };
}

/** Whether an image is one of those that a pattern names. */
export function matchesImagePattern(pattern: ImagePattern, image: ImageReference): boolean {
  if (pattern.kind === 'any') {
    return true;
  }
  const isRepository = pattern.isRepositoryPrefix
    ? image.repository.startsWith(pattern.repository)
    : image.repository === pattern.repository;
  return image.registry === pattern.registry && isRepository && matchesTag(pattern, image.tag);
}

function matchesTag(pattern: ImagePattern & { kind: 'image' }, tag: string | undefined): boolean {
  if (pattern.tag === undefined) {
    return true;
  }
  return tag !== undefined && (pattern.isTagPrefix ? tag.startsWith(pattern.tag) : tag === pattern.tag);
}

/** The pattern as text, in its full form. */
export function formatImagePattern(pattern: ImagePattern): string {
  if (pattern.kind === 'any') {
    return '*';
  }
  const { registry, repository, isRepositoryPrefix, tag, isTagPrefix } = pattern;
  const tagText = tag === undefined ? '' : `:${tag}${isTagPrefix ? '*' : ''}`;
  return `${registry}/${repository}${isRepositoryPrefix ? '*' : ''}${tagText}`;
}
