import type { LabNode } from '../lab/lab-node.ts';

/** An image as the Engine of a node lists it. */
export interface SeenImage {
  readonly id: string;
  readonly parentId: string;
  /** Tags and digests. */
  readonly names: readonly string[];
}

/** All that decides which images of a node stay. */
export interface SeenNode {
  readonly images: readonly SeenImage[];
  /** Ids of the images of the containers that stay. */
  readonly used: readonly string[];
}

/** What a node has, as its own Engine says. */
export async function lookAtNode(node: LabNode, isStaying: (state: string) => boolean): Promise<SeenNode> {
  const engine = node.engine();
  const [images, containers] = await Promise.all([
    engine.listImages({ all: true }),
    engine.listContainers({ all: true }),
  ]);
  return {
    images: images.map(({ Id, ParentId, RepoTags, RepoDigests }) => ({
      id: Id,
      parentId: ParentId,
      names: [...(RepoTags ?? []), ...(RepoDigests ?? [])].filter(name => !name.startsWith('<none>')),
    })),
    used: containers.filter(({ State }) => isStaying(State)).map(({ ImageID }) => ImageID),
  };
}

/**
 * Which images must stay: a model that shares nothing with swarm-utils but the rules in its documentation.
 * @param wanted references that services have, as they are and as a rollback would make them, and those of helpers
 * @param isKept whether a pattern keeps a name
 */
export function imagesThatStay(
  { images, used }: SeenNode,
  wanted: readonly string[],
  isKept: (name: string) => boolean,
): ReadonlySet<string> {
  const digestOf = (name: string) => (name.includes('@') ? name.slice(name.indexOf('@') + 1) : undefined);
  const isWanted = ({ id, names }: SeenImage) =>
    wanted.some(reference => {
      const digest = digestOf(reference);
      const [tagged] = reference.split('@');
      return digest === undefined
        ? names.some(name => name === reference || name.startsWith(`${reference}@`))
        : id === digest || names.some(name => digestOf(name) === digest || name === tagged);
    });
  const stays = new Set<string>();
  for (const image of images) {
    if (used.includes(image.id) || isWanted(image) || image.names.some(isKept)) {
      stays.add(image.id);
    }
  }
  // What an image was built on stays with it.
  for (let grown = true; grown; ) {
    const parents = images.filter(({ id }) => stays.has(id)).map(({ parentId }) => parentId);
    const more = images.filter(({ id }) => parents.includes(id) && !stays.has(id));
    for (const { id } of more) {
      stays.add(id);
    }
    grown = more.length > 0;
  }
  return stays;
}
