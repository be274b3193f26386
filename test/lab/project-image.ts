import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { prepareBaseImage } from './base-image.ts';
import { contextDigest } from './build-context.ts';
import { withBuildDaemon } from './build-daemon.ts';
import { baseImages } from './dockerfile.ts';
import { imageArchitecture, pushImage } from './image.ts';
import { readNewestImage, readStoredImage, storeImage } from './image-store.ts';
import type { LabRegistry } from './lab-registry.ts';
import { withLock } from './lock.ts';

/** What to build, and where it goes. */
export interface BuildOptions {
  /** A folder with a Dockerfile. Default: this repository. */
  readonly folder?: string;
  /** The image's repository in the lab's open registry. Default `swarm-utils`. */
  readonly repository?: string;
  readonly onProgress?: (message: string) => void;
}

/**
 * Builds the image of a folder from its own Dockerfile, pushes it to the registry and answers its reference there.
 * What has not changed since it was last built, by any lab, is not built again but pushed from the cache.
 * Throws `image-failed` with the end of the build's output.
 */
export async function buildProjectImage(registry: LabRegistry, options: BuildOptions = {}): Promise<string> {
  const { folder = join(import.meta.dirname, '..', '..'), repository = 'swarm-utils' } = options;
  const onProgress = options.onProgress ?? (() => undefined);
  return withLock(
    'build',
    async () => {
      const dockerfile = await readFile(join(folder, 'Dockerfile'), 'utf8');
      const key = createHash('sha256')
        .update(JSON.stringify([imageArchitecture(), dockerfile, await contextDigest(folder)]))
        .digest('hex')
        .slice(0, 16);
      const name = `${repository}:${key}`;
      const stored = await readStoredImage(repository, key);
      if (stored) {
        await pushImage(registry.client, stored, repository, key);
        return registry.reference(name);
      }

      // The daemon asks the registry which layers it has: with these it need not compress the base image again.
      const similar = await readNewestImage(repository);
      if (similar) {
        await pushImage(registry.client, similar, repository, 'before');
      }
      await withBuildDaemon(async docker => {
        for (const base of baseImages(dockerfile)) {
          await prepareBaseImage(base, docker, onProgress);
        }
        onProgress(`building ${repository} from its Dockerfile`);
        await docker(['build', '--network', 'host', ...proxyArguments(), '--tag', repository, folder]);
        await docker(['tag', repository, registry.reference(name)]);
        await docker(['push', '--quiet', registry.reference(name)]);
        await docker(['rmi', registry.reference(name)]);
        await docker(['image', 'prune', '--force']);
      });
      await storeImage(registry.client, repository, key);
      return registry.reference(name);
    },
    onProgress,
  );
}

// Docker knows these arguments without a declaration, and does not keep them in the image.
function proxyArguments(): string[] {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
  return names.filter(name => process.env[name]).flatMap(name => ['--build-arg', name]);
}
