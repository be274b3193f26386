import { helperName } from '../../core/helper-name.ts';
import { runDockerCommand } from '../steps/docker-command.ts';
import type { EngineWorld } from '../steps/step-executor.ts';
import type { Node } from '../swarm.ts';
import { linesOf } from './helper-output.ts';

/** What a look at nodes is for: it names its helpers. */
export interface Looking {
  readonly service: { readonly id: string; readonly name: string };
  /** Tells helpers of one service apart that run at the same time. */
  readonly step: string;
  readonly timeoutMs: number;
}

/**
 * The names of all volumes of a node, as its own Engine knows them. To look makes none.
 * @throws OperationError `helper_failed`, `timed_out`, `helper_busy`
 * @throws SwarmError
 */
export async function listVolumes(
  world: EngineWorld,
  { service, step, timeoutMs }: Looking,
  node: Pick<Node, 'id' | 'hostname'>,
): Promise<ReadonlySet<string>> {
  const outcome = await runDockerCommand(world, {
    name: helperName(`${step}-volumes`, service, node.id),
    nodeId: node.id,
    command: ['docker', 'volume', 'ls', '--quiet'],
    timeoutMs,
    printsData: true,
  });
  return new Set(linesOf(outcome, `The volumes of ${node.hostname} can't be listed`));
}
