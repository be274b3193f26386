import { withBuildDaemon } from './build-daemon.ts';
import { isDockerHubReachable } from './docker-hub.ts';
import { pushImage } from './image.ts';
import { readStoredImage, storeImage } from './image-store.ts';
import type { LabRegistry } from './lab-registry.ts';
import { withLock } from './lock.ts';

/** The contract double in the lab's registry: see `offen-double.sh`. */
export const offenDoubleImage = 'offen-contract-double:2';

const repository = 'offen/docker-volume-backup';
const tag = 'v2.48.2';

/**
 * Pushes the published image of offen/docker-volume-backup to the registry and answers its name there; undefined where
 * it cannot be pulled: then the contract double takes its place, and that is said.
 */
export async function pushOffenImage(
  registry: LabRegistry,
  onProgress: (message: string) => void,
): Promise<string | undefined> {
  const name = `${repository}:${tag}`;
  const stored = await readStoredImage(repository, tag);
  if (stored) {
    await pushImage(registry.client, stored, repository, tag);
    return name;
  }
  try {
    if (await isDockerHubReachable()) {
      onProgress(`pulling ${name}`);
      await withLock('build', () => pull(name, registry), onProgress);
      return name;
    }
  } catch (error) {
    onProgress(`${name} could not be pulled: ${error instanceof Error ? error.message : error}`);
  }
  onProgress(`${name} cannot be pulled here: its CONTRACT DOUBLE takes its place`);
  return undefined;
}

async function pull(name: string, registry: LabRegistry): Promise<void> {
  await withBuildDaemon(async docker => {
    await docker(['pull', '--quiet', name]);
    await docker(['tag', name, registry.reference(name)]);
    await docker(['push', '--quiet', registry.reference(name)]);
    await docker(['rmi', registry.reference(name)]);
  });
  await storeImage(registry.client, repository, tag);
}
