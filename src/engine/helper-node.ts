import { after, type Clock } from './clock.ts';
import { insist } from './insist.ts';
import type { Node, Swarm, Task } from './swarm.ts';

const INTERVAL_MS = 2000;

/**
 * A look at the node of a helper, every two seconds at most: what is on a node that is down ends for nobody, and what has no
 * place on it yet gets none while it takes no tasks.
 * @returns why there is nothing to wait for, as a sentence; undefined as long as there is
 */
export function createNodeWatch(
  { swarm, clock }: { readonly swarm: Swarm; readonly clock: Clock },
  nodeId: string,
): (task: Task | undefined) => Promise<string | undefined> {
  let isDueAt = after(clock, INTERVAL_MS);
  return async task => {
    if (clock.now() < isDueAt) {
      return undefined;
    }
    isDueAt = after(clock, INTERVAL_MS);
    const node = (await insist(clock, () => swarm.listNodes())).find(({ id }) => id === nodeId);
    return describe(node, task?.nodeId === undefined);
  };
}

function describe(node: Node | undefined, isUnassigned: boolean): string | undefined {
  if (node === undefined) {
    return 'The node of the helper has left the swarm.';
  }
  const { hostname, state, availability } = node;
  if (state === 'down') {
    return `The node ${hostname} is down, so the helper there can't be waited for.`;
  }
  const isClosed = isUnassigned && availability !== 'active';
  return isClosed
    ? `The availability of the node ${hostname} is ${availability}, so no helper can run there.`
    : undefined;
}
