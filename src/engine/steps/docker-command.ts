import type { HelperService } from '../../core/helper.ts';
import { parseImageReference } from '../../core/image-reference.ts';
import { findRegistryCredentials } from '../../core/registry-credentials.ts';
import { type HelperOutcome, runHelper } from '../run-helper.ts';
import type { EngineWorld } from './step-executor.ts';

const DOCKER_SOCKET = '/var/run/docker.sock';

/** A command of the Docker CLI for the Engine of one node. */
export interface DockerCommand {
  /** Of the helper; made by `helperName`. */
  readonly name: string;
  readonly nodeId: string;
  /** Argument vector, from `docker` on. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
  readonly printsData?: boolean;
}

/**
 * Runs the Docker CLI on a node, in a helper that has the node's Docker socket.
 * @throws OperationError `helper_busy`
 * @throws SwarmError
 */
export function runDockerCommand(world: EngineWorld, command: DockerCommand): Promise<HelperOutcome> {
  const { helperImage, registries, timeouts } = world.settings;
  const registry = parseImageReference(helperImage)?.registry ?? '';
  const helper: HelperService = {
    ...command,
    image: helperImage,
    mounts: [{ type: 'bind', source: DOCKER_SOCKET, target: DOCKER_SOCKET, isReadOnly: true }],
  };
  return runHelper(
    { ...world, pendingTimeoutMs: timeouts.pendingMs },
    helper,
    findRegistryCredentials(registry, {}, registries),
  );
}
