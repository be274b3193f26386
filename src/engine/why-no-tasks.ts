import type { Node } from './swarm.ts';

/** Whether the swarm gives a node tasks, and so helpers. */
export function takesTasks(node: Node): boolean {
  return whyNoTasks(node) === undefined;
}

/**
 * Why the swarm gives a node no tasks, so no helpers either.
 * @returns a sentence for people; undefined where it does
 */
export function whyNoTasks({ state, availability }: Node): string | undefined {
  if (state !== 'ready') {
    return `The node is ${state}.`;
  }
  return availability === 'active' ? undefined : `The availability of the node is ${availability}.`;
}
