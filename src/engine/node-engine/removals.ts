import { z } from 'zod';
import type { Conversation, EngineAnswer, EngineRequest, Exchange } from './conversation.ts';
import { messageOf, parseJson, whyMissing } from './read-answer.ts';

/** What became of something that was to be removed. */
export type Fate =
  | { readonly kind: 'removed' }
  /** It had been removed before. */
  | { readonly kind: 'gone' }
  /** It is in use again, or is not what it was when that was decided. */
  | { readonly kind: 'kept'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

export interface Removals<T> {
  readonly conversations: readonly Conversation[];
  /** @param exchanges what the conversations came to, in their order */
  fates(exchanges: readonly Exchange[]): readonly { readonly item: T; readonly fate: Fate }[];
}

/** Requests of one conversation: not so many that it takes too long, nor that what was looked at is old. */
const CHUNK_LENGTH = 25;

/**
 * Plans the removal of items in their order.
 * @param requestsOf what removes an item
 * @param timeoutMs for so many requests as go into one conversation, milliseconds
 * @param isRemoval whether a good answer says that the item is gone; else more answers must come
 */
export function planRemovals<T>(
  items: readonly T[],
  requestsOf: (item: T) => readonly EngineRequest[],
  timeoutMs: number,
  isRemoval: (item: T, json: unknown) => boolean,
): Removals<T> {
  const owned = items.flatMap(item => requestsOf(item).map(request => ({ item, request })));
  const chunks = Array.from({ length: Math.ceil(owned.length / CHUNK_LENGTH) }, (_, index) =>
    owned.slice(index * CHUNK_LENGTH, (index + 1) * CHUNK_LENGTH),
  );
  return {
    conversations: chunks.map(chunk => ({ requests: chunk.map(({ request }) => request), timeoutMs })),
    fates(exchanges) {
      const parts = new Map<T, Part[]>(items.map(item => [item, []]));
      for (const [chunkIndex, chunk] of chunks.entries()) {
        for (const [index, { item }] of chunk.entries()) {
          const fate = fateOf(exchanges[chunkIndex], index, json => isRemoval(item, json));
          parts.get(item)?.push(fate);
        }
      }
      return [...parts].map(([item, fates]) => ({ item, fate: decide(fates) }));
    },
  };
}

const deletions = z.array(z.object({ Deleted: z.string().optional() }));

/** Whether the answer to the removal of one of an image's names says that the image itself went. */
export function saysDeleted({ id }: { readonly id: string }, json: unknown): boolean {
  return deletions.safeParse(json).data?.some(({ Deleted }) => Deleted === id) ?? false;
}

/** Of an image a name may have gone, and no more. */
type Part = Fate | { readonly kind: 'untagged' };

function fateOf(exchange: Exchange | undefined, index: number, isRemoval: (json: unknown) => boolean): Part {
  const answer = exchange?.answers[index];
  if (exchange === undefined || answer === undefined || answer.kind === 'missing') {
    const reason = exchange === undefined ? 'It was not asked for.' : whyMissing(exchange);
    return { kind: 'failed', reason };
  }
  if (answer.kind === 'held_back') {
    return { kind: 'kept', reason: 'It has gone, or has got another name, since it was chosen.' };
  }
  return fateOfAnswer(answer, isRemoval);
}

function fateOfAnswer(
  answer: EngineAnswer & { readonly kind: 'answer' },
  isRemoval: (json: unknown) => boolean,
): Part {
  switch (answer.status) {
    case 200:
    case 204:
      return { kind: isRemoval(parseJson(answer.body)) ? 'removed' : 'untagged' };
    case 404:
      return { kind: 'gone' };
    case 409:
      return { kind: 'kept', reason: messageOf(answer) };
    default:
      return { kind: 'failed', reason: `${answer.status}: ${messageOf(answer)}` };
  }
}

/** Removed by any of its names is removed. */
function decide(parts: readonly Part[]): Fate {
  for (const kind of ['removed', 'failed', 'kept'] as const) {
    const found = parts.find((part): part is Fate => part.kind === kind);
    if (found !== undefined) {
      return found;
    }
  }
  return parts.some(({ kind }) => kind === 'untagged')
    ? { kind: 'kept', reason: 'It has got another name since it was chosen.' }
    : { kind: 'gone' };
}
