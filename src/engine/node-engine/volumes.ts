import { z } from 'zod';
import type { EngineRequest, Exchange } from './conversation.ts';
import { readJson, readJsonUnlessGone } from './read-answer.ts';

/** A volume as the Engine of a node knows it. */
export interface LocalVolume {
  readonly name: string;
  /**
   * It is the swarm's own (CSI), not this node's. Managers know all of them. A container that mounts it by its name
   * as a volume gets an empty one of the node instead.
   */
  readonly isClusterVolume: boolean;
}

export const listVolumes: EngineRequest = { method: 'GET', path: '/volumes' };

export function inspectVolume(name: string): EngineRequest {
  return { method: 'GET', path: `/volumes/${encodeURIComponent(name)}` };
}

const volume = z.object({ Name: z.string(), ClusterVolume: z.unknown().optional() });

function readVolume({ Name, ClusterVolume }: z.infer<typeof volume>): LocalVolume {
  return { name: Name, isClusterVolume: ClusterVolume !== undefined && ClusterVolume !== null };
}

/**
 * @returns undefined where the node does not have it
 * @see readJson
 */
export function readInspectedVolume(
  exchange: Exchange,
  index: number,
  name: string,
): LocalVolume | undefined {
  const found = readJsonUnlessGone(exchange, index, volume, `the volume ${name}`);
  return found && readVolume(found);
}

const volumes = z.object({ Volumes: z.array(volume).nullish() });

/** @see readJson */
export function readVolumes(exchange: Exchange, index: number): readonly LocalVolume[] {
  return (readJson(exchange, index, volumes, 'the list of volumes').Volumes ?? []).map(readVolume);
}
