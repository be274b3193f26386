/** A container of a node that does not run. */
export interface IdleContainer {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  /** What it wrote, without its image. */
  readonly sizeBytes: number;
  /** It was created, and never ran. */
  readonly hasNeverStarted: boolean;
  /** It says that it is a helper's. */
  readonly isHelper: boolean;
  /** It says that the swarm made it. */
  readonly isTask: boolean;
  /** Of the service that it is a task of. */
  readonly serviceId?: string;
}

/** What a container, running or not, needs of the images of its node. */
export interface ContainerImages {
  readonly containerId: string;
  /** `sha256:<64 hex>` of the image that it is made of. */
  readonly imageId: string;
  /** Images that it mounts, as it was told to: references or ids. */
  readonly mountedImages: readonly string[];
}

/** An image of a node with all its names. */
export interface LocalImage {
  /** `sha256:<64 hex>` */
  readonly id: string;
  /** `repository:tag`; in containerd's image store also `repository:tag@sha256:…` and `repository@sha256:…` */
  readonly tags: readonly string[];
  /** `repository@sha256:…` */
  readonly digests: readonly string[];
  /** Id of the image that it was built on, where that was on the same node. */
  readonly parentId?: string;
  /** When it was built, milliseconds since 1970; absent where it does not say. */
  readonly createdAtMs?: number;
  /** With all its layers, those that it shares with others too. */
  readonly sizeBytes: number;
}
