/** What of a node tells it from others of its name. */
export interface NamedNode {
  readonly id: string;
  readonly hostname: string;
  readonly state: string;
  readonly availability: string;
}

const NAMED = 5;

/**
 * The nodes that a name can stand for: the id of a node, or a host name. A machine that left the swarm and joined it
 * again has an entry for each time, of which those that are down do not count beside one that is not.
 * @returns none where there is no such node, several where it can't be told which is meant
 */
export function findNamedNodes<N extends NamedNode>(nodes: readonly N[], name: string): readonly N[] {
  const byId = nodes.filter(({ id }) => id === name);
  if (byId.length > 0) {
    return byId;
  }
  const entries = nodes.filter(({ hostname }) => hostname === name);
  const present = entries.filter(({ state }) => state !== 'down');
  return present.length > 0 ? present : entries;
}

/** Which nodes of one name there are, and what to do. */
export function describeAmbiguity(name: string, nodes: readonly NamedNode[]): string {
  const more = nodes.length - NAMED;
  return (
    `${nodes.length} nodes are called ${name}: ${nodes.slice(0, NAMED).map(describeNode).join(', ')}` +
    `${more > 0 ? ` and ${more} more` : ''}. Give the id of the one you mean instead of the name. If one machine left ` +
    'the swarm and joined it again, its old entry turns down within seconds and goes with `docker node rm OLDID`.'
  );
}

/** One entry, with its id and what the swarm says of it. */
export function describeNode({ id, state, availability }: NamedNode): string {
  return `${id} (${state}, ${availability})`;
}
