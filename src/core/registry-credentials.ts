import { OperationError } from './errors.ts';
import { normalizeRegistry } from './image-reference.ts';
import type { RegistryLabels } from './labels.ts';

/** Login at one registry; goes out in the `X-Registry-Auth` header and nowhere else. */
export interface RegistryCredentials {
  /** As `normalizeRegistry` spells it. */
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/**
 * The login for a registry: the service's labels, then the environment's in its order. Each only ever goes to the
 * registry that it was given for.
 * @param environment `SWARM_UTILS_REGISTRY_AUTH` first, then `SWARM_UTILS_REGISTRY_*`
 * @returns undefined when none is needed or known
 * @throws OperationError `registry_credentials_missing` when `registry.auth=true` and there is none
 */
export function findRegistryCredentials(
  registry: string,
  labels: RegistryLabels,
  environment: readonly RegistryCredentials[],
): RegistryCredentials | undefined {
  if (labels.auth === false) {
    return undefined;
  }
  const candidates = [...(labels.auth === true ? credentialsOfLabels(labels) : []), ...environment];
  const found = candidates.find(candidate => normalizeRegistry(candidate.registry) === registry);
  if (found === undefined && labels.auth === true) {
    throw new OperationError(
      'registry_credentials_missing',
      `swarm-utils.update.registry.auth is true, but there is no login for ${registry}: set the labels ` +
        'swarm-utils.update.registry.user, .password and .url on the service, or SWARM_UTILS_REGISTRY_AUTH or ' +
        'SWARM_UTILS_REGISTRY_USER, _PASSWORD and _URL on swarm-utils.',
    );
  }
  return found;
}

/** Taken as a whole or not at all: a user of one place never goes with a password of another. */
function credentialsOfLabels(labels: RegistryLabels): readonly RegistryCredentials[] {
  const { user, password, url } = labels;
  return user === undefined || password === undefined || url === undefined
    ? []
    : [{ registry: normalizeRegistry(url), username: user, password }];
}
