import { z } from 'zod';
import { isOlderApiVersion } from '../../core/engine-api-version.ts';
import type { Conversation, EngineRequest, Exchange } from './conversation.ts';
import { readJson } from './read-answer.ts';

/**
 * Asks what all images take. Before version 1.42 of the API the Engine looks at every file of every volume for it, so only
 * where there is need.
 */
const requestsOfImages: readonly EngineRequest[] = [
  { method: 'GET', path: '/info' },
  { method: 'GET', path: '/system/df?type=image' },
];

export function measureImages(timeoutMs: number): Conversation {
  return { requests: requestsOfImages, timeoutMs };
}

/** Asks what the build cache takes. */
export const measureBuildCache: EngineRequest = { method: 'GET', path: '/system/df?type=build-cache' };

/** Since Docker 28.2 containerd's image store counts the compressed layers too, which are on the disk beside the unpacked ones. */
const FIRST_WHOLE_CONTAINERD = '1.50';

const info = z.object({ DriverStatus: z.array(z.array(z.string())).nullish() });
const usage = z.object({ TotalSize: z.int().optional(), Reclaimable: z.int().optional() });

/** What is 0 may be left out. From version 1.52 on it is one object for each kind. */
const imageUsage = z.object({
  ImageUsage: usage.nullish(),
  LayersSize: z.int().optional(),
  Images: z.array(z.unknown()).nullish(),
});

/**
 * What all images take on the disk, layers that they share counted once.
 * @returns bytes; undefined where the Engine does not know
 * @see readJson
 */
export function readImageBytes(exchange: Exchange): number | undefined {
  const { DriverStatus } = readJson(exchange, 0, info, 'what kind of image store it has');
  const { ImageUsage, LayersSize, Images } = readJson(exchange, 1, imageUsage, 'the disk usage of images');
  const isContainerd = DriverStatus?.some(
    ([key, value]) => key === 'driver-type' && value?.startsWith('io.containerd.'),
  );
  if (isContainerd && isOlderApiVersion(exchange.apiVersion, FIRST_WHOLE_CONTAINERD)) {
    return undefined;
  }
  const isEmpty = ImageUsage !== undefined || Images !== undefined;
  return ImageUsage?.TotalSize ?? LayersSize ?? (isEmpty ? 0 : undefined);
}

const cacheUsage = z.object({
  BuildCacheUsage: usage.nullish(),
  BuildCache: z
    .array(z.object({ InUse: z.boolean().optional(), Shared: z.boolean().optional(), Size: z.int() }))
    .nullish(),
});

/**
 * What of the build cache could go: all but what is in use or is a part of an image too.
 * @returns bytes
 * @see readJson
 */
export function readReclaimableCache(exchange: Exchange): number {
  const { BuildCacheUsage, BuildCache } = readJson(
    exchange,
    0,
    cacheUsage,
    'the disk usage of the build cache',
  );
  const idle = (BuildCache ?? []).filter(({ InUse = false, Shared = false }) => !InUse && !Shared);
  return BuildCacheUsage?.Reclaimable ?? idle.reduce((sum, { Size }) => sum + Size, 0);
}

/** Lets the Engine remove build cache that nothing uses, of at least that age. */
export function pruneBuildCache(minAgeMs: number): EngineRequest {
  const until = { until: [`${Math.ceil(minAgeMs / 1000)}s`] };
  const query = minAgeMs === 0 ? '' : `?filters=${encodeURIComponent(JSON.stringify(until))}`;
  return { method: 'POST', path: `/build/prune${query}` };
}

const pruned = z.object({ SpaceReclaimed: z.int().nonnegative() });

/**
 * @returns bytes
 * @see readJson
 */
export function readPruned(exchange: Exchange): number {
  return readJson(exchange, 0, pruned, 'the removal of build cache').SpaceReclaimed;
}
