import { z } from 'zod';
import type { LocalImage } from '../../core/node-listing.ts';
import type { EngineRequest, Exchange } from './conversation.ts';
import { readJson } from './read-answer.ts';

/** Every image, those without a name and those that others were built on too. */
export const listImages: EngineRequest = { method: 'GET', path: '/images/json?all=1' };

const imageId = z.string().regex(/^sha256:[0-9a-f]{64}$/);
/** Up to version 1.42 of the API an image without a name has these. */
const NO_NAME = new Set(['<none>:<none>', '<none>@<none>']);

const images = z.array(
  z.object({
    Id: imageId,
    ParentId: z.string().nullish(),
    /** Null where there are none, up to version 1.42. */
    RepoTags: z.array(z.string()).nullish(),
    RepoDigests: z.array(z.string()).nullish(),
    /** Seconds since 1970; 0 or far before where it is not known. */
    Created: z.int(),
    Size: z.int(),
  }),
);

/**
 * The images in the order they are listed in: the newest first.
 * @see readJson
 */
export function readImages(exchange: Exchange, index: number): readonly LocalImage[] {
  const found = readJson(exchange, index, images, 'the list of images');
  return found.map(({ Id, ParentId, RepoTags, RepoDigests, Created, Size }) => ({
    id: Id,
    tags: namesOf(RepoTags),
    // Of an image that has nothing for any platform containerd's store says a digest without a repository.
    digests: namesOf(RepoDigests).filter(name => name.includes('@')),
    sizeBytes: Size,
    ...(Created > 0 && { createdAtMs: Created * 1000 }),
    ...(ParentId && { parentId: ParentId }),
  }));
}

function namesOf(names: readonly string[] | null | undefined): readonly string[] {
  return [...new Set(names)].filter(name => !NO_NAME.has(name));
}

/**
 * What removes an image by each of its names, or by its id where it has none: without force, so that the Engine refuses
 * (409) what a container uses, and without the images that it was built on.
 *
 * A tag may have moved to another image since the list was made, and an image without a name may have got one, from a pull
 * that had just brought it: then the request is not sent. A name with a digest cannot move.
 */
export function removeImage({ id, tags, digests }: LocalImage): readonly EngineRequest[] {
  const head = `{"Id":"${id}","RepoTags":\\[`;
  const look = { path: `/images/${id}/json` };
  if (tags.length === 0 && digests.length === 0) {
    return [{ ...removal(id), onlyIf: { ...look, pattern: `${head}\\],"RepoDigests":\\[\\]` } }];
  }
  const moving = tags.filter(tag => !isPinned(tag));
  // With the last tag of a repository its digests go too.
  const tagged = new Set(tags.map(repositoryOf));
  const fixed = [...tags.filter(isPinned), ...digests.filter(digest => !tagged.has(repositoryOf(digest)))];
  return [
    ...moving.map(tag => ({
      ...removal(tag),
      onlyIf: { ...look, pattern: `${head}[^]]*"${escapeForPattern(tag)}"` },
    })),
    ...fixed.map(removal),
  ];
}

function removal(nameOrId: string): EngineRequest {
  const path = encodeURIComponent(nameOrId)
    .replaceAll('%2F', '/')
    .replaceAll('%3A', ':')
    .replaceAll('%40', '@');
  return { method: 'DELETE', path: `/images/${path}?noprune=1` };
}

function isPinned(name: string): boolean {
  return name.includes('@');
}

/** Also of a name with a digest, with a tag or without. */
function repositoryOf(name: string): string {
  const [named = ''] = name.split('@');
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  return colon < 0 ? named : named.slice(0, colon);
}

function escapeForPattern(text: string): string {
  return text.replaceAll(/[.[\]*^$\\]/g, '\\$&');
}
