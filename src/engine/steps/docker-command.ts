import type { HelperMount } from '../../core/helper.ts';
import type { HelperOutcome } from '../run-helper.ts';
import { runPlacedHelper } from '../run-placed-helper.ts';
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
  /** What it mounts besides the socket. */
  readonly mounts?: readonly HelperMount[];
}

/**
 * Runs the Docker CLI on a node, in a helper that has the node's Docker socket.
 * @throws OperationError `helper_busy`
 * @throws SwarmError
 */
export function runDockerCommand(world: EngineWorld, command: DockerCommand): Promise<HelperOutcome> {
  return runPlacedHelper(world, {
    ...command,
    image: world.settings.helperImage,
    mounts: [
      { type: 'bind', source: DOCKER_SOCKET, target: DOCKER_SOCKET, isReadOnly: true },
      ...(command.mounts ?? []),
    ],
    isOnHostNetwork: true,
  });
}
