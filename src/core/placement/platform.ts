/** What an image was built for, or what a node is. An empty part means any. */
export interface Platform {
  /** `linux`, `windows` … */
  readonly os: string;
  /** As whoever says it writes it: `amd64` (images) or `x86_64` (nodes). */
  readonly architecture: string;
}

/** More platforms than this has no image. */
const MAX_PLATFORMS = 100;
const WORD = /^[\w.-]{0,64}$/;

/**
 * Names that Go's programs and `uname --machine` have for one architecture.
 * @see github.com/containerd/platforms, database.go (normalizeArch)
 */
const architectureNames: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  i386: '386',
  i486: '386',
  i586: '386',
  i686: '386',
  aarch64: 'arm64',
  armhf: 'arm',
  armel: 'arm',
  mips64el: 'mips64le',
  mipsel: 'mipsle',
};

/**
 * The platforms of an image as they are written into the placement of a service: what Docker's own client writes.
 * Attestations (`unknown/unknown`) are none; the architecture of 32-bit ARM is left open, for nodes say `armv7l` where
 * images say `arm`; what would be there twice is there once.
 * @param listed by the registry; of an image for one platform it may be nothing
 * @returns nothing where the image says nothing, or nothing that can be understood
 * @see github.com/moby/moby, client/service_create.go (imageDigestAndPlatforms)
 */
export function placementPlatforms(listed: readonly Platform[]): readonly Platform[] {
  const platforms = new Map<string, Platform>();
  for (const { os, architecture } of listed.slice(0, MAX_PLATFORMS).filter(isSensible)) {
    const platform = { os, architecture: architecture.toLowerCase() === 'arm' ? '' : architecture };
    platforms.set(formatPlatform(platform), platform);
  }
  return [...platforms.values()];
}

/**
 * Whether one of an image's platforms is that of a node. An image without platforms is for any, and what a node does not
 * say is no reason against it. Any ARM of 32 bits is any other, and runs on 64 bits too.
 * @param image its platforms as the registry lists them
 */
export function runsOn(image: readonly Platform[], node: Platform | undefined): boolean {
  const platforms = image.slice(0, MAX_PLATFORMS).filter(isSensible);
  return (
    platforms.length === 0 ||
    node === undefined ||
    platforms.some(
      ({ os, architecture }) =>
        isEqualOrAny(os, node.os) && isArchitectureOf(architecture, node.architecture),
    )
  );
}

/** `linux/amd64`; what is left open is a `*`. */
export function formatPlatform({ os, architecture }: Platform): string {
  return `${os || '*'}/${normalizeArchitecture(architecture) || '*'}`;
}

function isSensible({ os, architecture }: Platform): boolean {
  return os !== 'unknown' && architecture !== 'unknown' && WORD.test(os) && WORD.test(architecture);
}

function isArchitectureOf(image: string, node: string): boolean {
  const [wanted, given] = [normalizeArchitecture(image), normalizeArchitecture(node)];
  return isEqualOrAny(wanted, given) || (wanted === 'arm' && given === 'arm64');
}

function isEqualOrAny(wanted: string, given: string): boolean {
  return wanted === '' || given === '' || wanted.toLowerCase() === given.toLowerCase();
}

function normalizeArchitecture(name: string): string {
  const lower = name.toLowerCase();
  // `armv6l`, `armv7l`, and 64-bit processors that are run with 32 bits: `armv8l`.
  return architectureNames[lower] ?? (/^armv\d/.test(lower) ? 'arm' : lower);
}
