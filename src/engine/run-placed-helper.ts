import type { HelperService } from '../core/helper.ts';
import { parseImageReference } from '../core/image-reference.ts';
import { findRegistryCredentials } from '../core/registry-credentials.ts';
import { type HelperOutcome, runHelper } from './run-helper.ts';
import type { EngineWorld } from './steps/step-executor.ts';

/**
 * Runs a helper as the settings say: with their pending time-out, and with the login for its image's registry.
 * @throws OperationError `helper_busy`
 * @throws SwarmError
 */
export function runPlacedHelper(world: EngineWorld, helper: HelperService): Promise<HelperOutcome> {
  const { registries, timeouts } = world.settings;
  const registry = parseImageReference(helper.image)?.registry ?? '';
  return runHelper(
    { ...world, pendingTimeoutMs: timeouts.pendingMs },
    helper,
    findRegistryCredentials(registry, {}, registries),
  );
}
