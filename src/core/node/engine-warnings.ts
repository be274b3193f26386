/** A node, as far as its Engine goes. */
export interface EngineNode {
  readonly id: string;
  readonly state: 'ready' | 'down' | 'disconnected' | 'unknown';
  /** `28.5.2`, `20.10.24+dfsg1`; absent where the swarm does not know it. */
  readonly engineVersion?: string;
}

export interface EngineWarning {
  readonly code: 'engine_too_old' | 'engine_versions_differ' | 'local_images_refused';
  /** What it means, and what to do. */
  readonly message: string;
}

type Release = readonly [major: number, minor: number];

/** Docker 20.10 speaks the oldest API version that is asked for, on nodes as on managers. */
const oldestUsable: Release = [20, 10];
/** @see https://github.com/moby/moby/issues/52698, mended by https://github.com/moby/moby/pull/53212 in 29.7 */
const refusesLocalImages: Release = [29, 6];

/**
 * What an operator should know of the Engines of a swarm's nodes.
 * @returns by the id of the node; nothing for a node without a warning
 */
export function engineWarnings(nodes: readonly EngineNode[]): ReadonlyMap<string, readonly EngineWarning[]> {
  const known = nodes.flatMap(node => {
    const release = readRelease(node.engineVersion);
    return release === undefined ? [] : [{ ...node, version: node.engineVersion ?? '', release }];
  });
  const newest = known
    .filter(({ state }) => state !== 'down')
    .toSorted((a, b) => compare(b.release, a.release))[0];
  return new Map(
    known.map(({ id, version, release }) => [
      id,
      [
        ...(compare(release, oldestUsable) < 0 ? [tooOld(version)] : []),
        ...(newest !== undefined && compare(release, newest.release) < 0
          ? [differs(version, newest.version)]
          : []),
        ...(compare(release, refusesLocalImages) === 0 ? [localImages(version)] : []),
      ],
    ]),
  );
}

function tooOld(version: string): EngineWarning {
  return {
    code: 'engine_too_old',
    message:
      `Docker ${version} on this node is too old: cleans, backups and restores there need 20.10 at least. ` +
      'Upgrade its Engine.',
  };
}

function differs(version: string, newest: string): EngineWarning {
  return {
    code: 'engine_versions_differ',
    message:
      `This node runs Docker ${version}, and the newest one of the swarm ${newest}: what a service may ask for differs ` +
      'from node to node. Upgrade its Engine.',
  };
}

function localImages(version: string): EngineWarning {
  return {
    code: 'local_images_refused',
    message: `Docker ${version} refuses tasks whose image is on the node only and in no registry. Upgrade its Engine to 29.7.`,
  };
}

/** Debian and others add to the version what they build: `28.5.2+dfsg4`. */
function readRelease(version: string | undefined): Release | undefined {
  const [, major, minor] = /^(\d{1,4})\.(\d{1,4})(?!\d)/.exec(version ?? '') ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}

function compare([major, minor]: Release, [otherMajor, otherMinor]: Release): number {
  return major - otherMajor || minor - otherMinor;
}
