import type { Platform } from '../../core/placement/platform.ts';
import type { PlacementJson, ServiceSpecJson } from '../engine-json.ts';
import { plusOne } from './exact-json.ts';

// Specs are read by `parseExactly`: what is not changed here is written back digit by digit.

/** The spec with another image. What of the placement was the old image's goes with it. */
export function changeImage(
  spec: ServiceSpecJson,
  change: { readonly image: string; readonly platforms: readonly Platform[]; readonly isForce: boolean },
): object {
  const { Placement: placement, ...template } = spec.TaskTemplate;
  return {
    ...spec,
    TaskTemplate: {
      ...template,
      ContainerSpec: { ...template.ContainerSpec, Image: change.image },
      ...(change.isForce && { ForceUpdate: plusOne(template.ForceUpdate) }),
      ...writePlatforms(placement, change.platforms),
    },
  };
}

function writePlatforms(
  placement: PlacementJson | undefined,
  platforms: readonly Platform[],
): { readonly Placement?: PlacementJson } {
  if (platforms.length > 0) {
    const written = platforms.map(({ os, architecture }) => ({
      ...(architecture !== '' && { Architecture: architecture }),
      ...(os !== '' && { OS: os }),
    }));
    return { Placement: { ...placement, Platforms: written } };
  }
  if (placement === undefined) {
    return {};
  }
  const { Platforms: _, ...rest } = placement;
  return { Placement: rest };
}

/** @returns undefined where the service's mode has no replicas */
export function changeReplicas(spec: ServiceSpecJson, replicas: number): object | undefined {
  const replicated = spec.Mode?.Replicated;
  return replicated && { ...spec, Mode: { Replicated: { ...replicated, Replicas: replicas } } };
}
