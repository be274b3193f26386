import { parseDockerSize } from './docker-size.ts';
import { OperationError } from './errors.ts';
import { helperLabel } from './label-reader.ts';

/** A stopped container of a node. */
export interface StoppedContainer {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970; absent where it can't be read. */
  readonly createdAtMs?: number;
  /** What it wrote, without its image. */
  readonly sizeBytes?: number;
  /** It says that it is a helper's. */
  readonly isHelper: boolean;
  /** Of the service that it is a task of. */
  readonly serviceId?: string;
}

/** What a container is made of. */
export interface ContainerImage {
  readonly containerId: string;
  /** A reference, or the id where the reference is another image's by now. */
  readonly image: string;
}

/** An image of a node with all its references. */
export interface LocalImage {
  /** `sha256:<64 hex>` */
  readonly id: string;
  /** `repository:tag` */
  readonly tags: readonly string[];
  /** `repository@sha256:…` */
  readonly digests: readonly string[];
  readonly createdAtMs?: number;
  /** With all its layers, those that it shares with others too. */
  readonly sizeBytes?: number;
}

// Every row is a JSON array: names and labels of others may hold anything, line breaks too.
const list = (...args: readonly string[]) => ['docker', ...args] as const;

/** Containers that have run and ended. Those that were only created are left out: one may be just about to start. */
export const listStoppedContainers = list(
  ...[
    'container',
    'ls',
    '--all',
    '--no-trunc',
    '--size',
    '--filter',
    'status=exited',
    '--filter',
    'status=dead',
  ],
  ...[
    '--format',
    row('.ID', '.Names', '.CreatedAt', '.Size', label(helperLabel), label('com.docker.swarm.service.id')),
  ],
);

/** Every container, running or not. */
export const listContainerImages = list(
  ...['container', 'ls', '--all', '--no-trunc', '--format', row('.ID', '.Image')],
);

export const listImages = list(
  ...['image', 'ls', '--no-trunc', '--digests', '--format'],
  row('.ID', '.Repository', '.Tag', '.Digest', '.CreatedAt', '.Size'),
);

/** How much there is of everything. It looks at every file of every volume, so only where there is need. */
export const measureDisk = list('system', 'df', '--format', row('.Type', '.Size', '.Reclaimable'));

function row(...fields: readonly string[]): string {
  return `[${fields.map(field => `{{json ${field}}}`).join(',')}]`;
}

function label(name: string): string {
  return `(.Label "${name}")`;
}

/** @throws OperationError `helper_failed` when a line is none of `listStoppedContainers` */
export function parseStoppedContainers(lines: readonly string[]): readonly StoppedContainer[] {
  return lines.map(line => {
    const [id, name, createdAt, size, helper, serviceId] = readRow(line, 6);
    const createdAtMs = parseTime(createdAt);
    // `12.3kB (virtual 1.2GB)`
    const sizeBytes = parseDockerSize(size.split('(')[0] ?? '');
    return {
      id: readId(id, /^[0-9a-f]{64}$/),
      name,
      isHelper: helper !== '',
      ...(createdAtMs !== undefined && { createdAtMs }),
      ...(sizeBytes !== undefined && { sizeBytes }),
      ...(serviceId !== '' && { serviceId }),
    };
  });
}

/** @throws OperationError `helper_failed` when a line is none of `listContainerImages` */
export function parseContainerImages(lines: readonly string[]): readonly ContainerImage[] {
  return lines.map(line => {
    const [containerId, image] = readRow(line, 2);
    return { containerId, image };
  });
}

/**
 * The images in the order they are listed in: the newest first, so children before their parents.
 * @throws OperationError `helper_failed` when a line is none of `listImages`
 */
export function parseImages(lines: readonly string[]): readonly LocalImage[] {
  const images = new Map<string, NamedImage>();
  for (const line of lines) {
    const [id, repository, tag, digest, createdAt, size] = readRow(line, 6);
    const image = images.get(readId(id, /^sha256:[0-9a-f]{64}$/)) ?? newImage(id, createdAt, size);
    images.set(id, image);
    if (repository !== NONE && tag !== NONE) {
      image.tags.add(`${repository}:${tag}`);
    }
    if (repository !== NONE && digest !== NONE) {
      image.digests.add(`${repository}@${digest}`);
    }
  }
  return [...images.values()].map(image => ({
    ...image,
    tags: [...image.tags],
    digests: [...image.digests],
  }));
}

/**
 * Sizes by type: `Images`, `Containers`, `Local Volumes`, `Build Cache`.
 * @throws OperationError `helper_failed` when a line is none of `measureDisk`
 */
export function parseDiskUsage(
  lines: readonly string[],
): ReadonlyMap<string, { readonly bytes?: number; readonly reclaimableBytes?: number }> {
  return new Map(
    lines.map(line => {
      const [type, size, reclaimable] = readRow(line, 3);
      const bytes = parseDockerSize(size);
      // `12.3kB (50%)`
      const reclaimableBytes = parseDockerSize(reclaimable.split('(')[0] ?? '');
      return [
        type,
        {
          ...(bytes !== undefined && { bytes }),
          ...(reclaimableBytes !== undefined && { reclaimableBytes }),
        },
      ];
    }),
  );
}

const NONE = '<none>';

/** A node can say that one image has as many names as a list has lines. */
interface NamedImage extends Omit<LocalImage, 'tags' | 'digests'> {
  readonly tags: Set<string>;
  readonly digests: Set<string>;
}

function newImage(id: string, createdAt: string, size: string): NamedImage {
  const createdAtMs = parseTime(createdAt);
  const sizeBytes = parseDockerSize(size);
  return {
    id,
    tags: new Set(),
    digests: new Set(),
    ...(createdAtMs !== undefined && { createdAtMs }),
    ...(sizeBytes !== undefined && { sizeBytes }),
  };
}

type Row<N extends number> = N extends 2
  ? readonly [string, string]
  : N extends 3
    ? readonly [string, string, string]
    : readonly [string, string, string, string, string, string];

function readRow<N extends 2 | 3 | 6>(line: string, count: N): Row<N> {
  const cells = parseJson(line);
  if (!Array.isArray(cells) || cells.length !== count || !cells.every(cell => typeof cell === 'string')) {
    throw unreadable();
  }
  return cells as unknown as Row<N>;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** What becomes an argument of a command must be what it should be. */
function readId(text: string, pattern: RegExp): string {
  if (!pattern.test(text)) {
    throw unreadable();
  }
  return text;
}

function unreadable(): OperationError {
  return new OperationError(
    'helper_failed',
    'The Docker CLI of the helper printed a list that can not be read, so nothing was removed. Which image it is says ' +
      'SWARM_UTILS_DOCKER_CLI_IMAGE_NAME.',
  );
}

/** Go's time as the CLI prints it: `2026-11-22 11:00:54 +0100 CET`. */
function parseTime(text: string): number | undefined {
  const [, day, time, hours, minutes] =
    /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d\d)(\d\d)\b/.exec(text) ?? [];
  const ms = Date.parse(`${day}T${time}${hours}:${minutes}`);
  return Number.isNaN(ms) ? undefined : ms;
}
