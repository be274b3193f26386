import { OperationError } from '../../core/errors.ts';
import {
  formatImageReference,
  type ImageReference,
  parseImageReference,
} from '../../core/image-reference.ts';
import { placementPlatforms } from '../../core/placement/platform.ts';
import { findRegistryCredentials, type RegistryCredentials } from '../../core/registry-credentials.ts';
import type { ServiceWork } from '../../core/step.ts';
import { after } from '../clock.ts';
import { readStanding } from '../rollout/standing.ts';
import type { RegistryImage } from '../swarm.ts';
import type { EngineWorld, StepExecutor } from './step-executor.ts';
import { refusePlatform } from './update/refuse-platform.ts';

/** A registry that has not answered by then will not; milliseconds. */
const MAX_TIMEOUT_MS = 30_000;

/** Finds the digest of the image, whether a node can run it, and whether there is anything to do. */
export const resolveImage: StepExecutor<ServiceWork & { kind: 'resolve-image' }> = async (context, step) => {
  const { work } = step;
  const { service, target, world } = context;
  if (service.mode !== 'replicated' && service.mode !== 'global') {
    throw new OperationError('unsupported_mode', `A ${service.mode} service has no rollout to update.`);
  }
  const running = parseImageReference(service.image);
  const wanted = work.image ?? withoutDigest(running);
  if (wanted === undefined) {
    throw new OperationError(
      'image_not_found',
      `The service runs ${service.image}, which no registry knows: name an image.`,
    );
  }
  const credentials = findRegistryCredentials(
    wanted.registry,
    target.labels.update.registry,
    world.settings.registries,
  );
  const timeoutMs = Math.min(step.timeoutMs, MAX_TIMEOUT_MS);
  const { digest, platforms } = await askRegistry(world, wanted, {
    credentials,
    mustMatchTag: work.mustMatchTag,
    timeoutMs,
  });
  const pinned = formatImageReference({ ...wanted, digest });
  const isSame = running?.digest === digest && isNamedAs(running, wanted);
  const standing = isSame && !work.isForce ? await readStanding(world, service) : undefined;
  if (standing?.is === 'settled') {
    const image = { from: service.image, to: service.image, digest };
    const message = `The service runs ${digest} already.`;
    return { status: 'succeeded', message, image, verdict: 'unchanged', warnings: standing.warnings };
  }
  const asked = formatImageReference(wanted);
  await refusePlatform(world.swarm, service, { image: asked, platforms });
  context.resolved = {
    pinned,
    platforms: placementPlatforms(platforms),
    reference: (work.mustMatchTag ? withoutDigest(wanted) : undefined) ?? wanted,
    credentials,
    isForce: work.isForce || standing?.is === 'given-up',
  };
  const image = { from: service.image, to: pinned, digest };
  return { status: 'succeeded', message: `${asked} is ${digest}.`, image };
};

/**
 * Whether an image is asked for by the name that the service has: the next update without an image goes by it. A digest
 * without a tag asks for no name.
 */
function isNamedAs(running: ImageReference, wanted: ImageReference): boolean {
  return (
    running.registry === wanted.registry &&
    running.repository === wanted.repository &&
    (wanted.tag === undefined || wanted.tag === running.tag)
  );
}

interface Question {
  readonly credentials: RegistryCredentials | undefined;
  readonly mustMatchTag: boolean;
  readonly timeoutMs: number;
}

async function askRegistry(
  { swarm, clock }: EngineWorld,
  image: ImageReference,
  { credentials, mustMatchTag, timeoutMs }: Question,
): Promise<RegistryImage> {
  const until = after(clock, timeoutMs).getTime();
  const ask = (reference: ImageReference) =>
    swarm.resolveImage(reference, credentials, until - clock.now().getTime());
  const found = await ask(image);
  if (image.digest === undefined) {
    return found;
  }
  if (found.digest !== image.digest) {
    const message = `The registry answered ${found.digest} when it was asked for ${formatImageReference(image)}.`;
    throw new OperationError('digest_mismatch', message);
  }
  if (mustMatchTag) {
    const { digest: _, ...tagged } = image;
    const { digest: tagDigest } = await ask(tagged);
    if (tagDigest !== image.digest) {
      throw new OperationError(
        'digest_mismatch',
        `${formatImageReference(tagged)} is ${tagDigest}, not ${image.digest}: image-allow permits the tag, so the digest must be its own.`,
      );
    }
  }
  return found;
}

/** The running reference is resolved anew by its tag; one without a tag stays what it is. */
function withoutDigest(running: ImageReference | undefined): ImageReference | undefined {
  if (running?.tag === undefined) {
    return running;
  }
  const { digest: _, ...tagged } = running;
  return tagged;
}
