import { LabError } from './lab-error.ts';

/** Releases of Docker Engine that a lab can have, by the number that they are known by here. */
export const engineReleases = ['20', '26', '28'] as const;
export type EngineRelease = (typeof engineReleases)[number];

/** Where an Engine keeps its images: in its own graph driver, or in containerd. */
export const imageStores = ['graph', 'containerd'] as const;
export type ImageStore = (typeof imageStores)[number];

/** The kind of Engine that all nodes of a lab run. */
export interface Flavour {
  readonly engine: EngineRelease;
  readonly store: ImageStore;
}

/** The release of Debian that brings an Engine. */
export interface EngineOrigin {
  readonly suite: string;
  /** What a tree of it holds beside the minimal system. */
  readonly packages: readonly string[];
}

const nodePackages = ['ca-certificates', 'docker.io', 'iptables', 'iproute2', 'procps', 'busybox-static'];

/**
 * `28` is the coming release of Debian, which moves on: what it is today only its daemon can tell. It holds no more than
 * a node needs, for any package may be missing from it for a while.
 */
const origins: Readonly<Record<EngineRelease, EngineOrigin>> = {
  '20': { suite: 'bookworm', packages: nodePackages },
  '26': { suite: 'trixie', packages: [...nodePackages, 'docker-cli', 'restic', 'rclone'] },
  '28': { suite: 'testing', packages: [...nodePackages, 'docker-cli'] },
};

/** Every flavour, the oldest first. 20 has no store of containerd's. */
export const flavours: readonly Flavour[] = engineReleases.flatMap(engine =>
  imageStores.filter(store => engine !== '20' || store === 'graph').map(store => ({ engine, store })),
);

/** What new users have. Where its Debian cannot be had, the next one stands in for it. */
export const mainFlavours: readonly [Flavour, Flavour] = [
  { engine: '28', store: 'containerd' },
  { engine: '26', store: 'containerd' },
];

/** Where an Engine comes from. */
export function engineOrigin(engine: EngineRelease): EngineOrigin {
  return origins[engine];
}

/** `28-containerd`. */
export function flavourName({ engine, store }: Flavour): string {
  return `${engine}-${store}`;
}

/**
 * The flavour of these words. Where one is missing: the newest Engine; containerd's store for that one and the graph
 * driver for older ones, as their users have it. Throws `bad-argument` where there is no such flavour.
 */
export function parseFlavour(engine: string | undefined, store: string | undefined): Flavour {
  const release = engineReleases.find(known => known === (engine ?? mainFlavours[0].engine));
  if (release === undefined) {
    throw new LabError('bad-argument', `engine must be one of ${engineReleases.join(', ')}, not ${engine}.`);
  }
  const wanted = store ?? (release === '28' ? 'containerd' : 'graph');
  const kind = imageStores.find(known => known === wanted);
  if (kind === undefined) {
    throw new LabError('bad-argument', `store must be one of ${imageStores.join(', ')}, not ${store}.`);
  }
  const flavour = flavours.find(known => known.engine === release && known.store === kind);
  if (flavour === undefined) {
    throw new LabError('bad-argument', `Engine ${release} has no image store of ${kind}'s: take 26 or 28.`);
  }
  return flavour;
}

/** The flavour of such a name as `flavourName` makes, or as much of it as `28`. Throws `bad-argument`. */
export function flavourOfName(name: string): Flavour {
  const [engine, ...store] = name.split('-');
  return parseFlavour(engine, store.length === 0 ? undefined : store.join('-'));
}

/** What a flavour's daemons have in their configuration file (`daemon.json`). */
export function flavourSettings({ engine, store }: Flavour): Readonly<Record<string, unknown>> {
  // Said in both cases: which one is the default is what releases differ in. 20 knows nothing of it.
  return engine === '20' ? {} : { features: { 'containerd-snapshotter': store === 'containerd' } };
}
