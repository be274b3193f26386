// Sizes as the Docker CLI prints them: powers of 1000, three or four digits.
// See github.com/docker/go-units, size.go (HumanSize).
const SIZE = /^(\d+(?:\.\d+)?(?:e[+-]?\d+)?) ?([kMGTPEZY]?)B$/;
const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];

/** @returns bytes; undefined for what is no size, such as `N/A` */
export function parseDockerSize(text: string): number | undefined {
  const [, digits, prefix = ''] = SIZE.exec(text.trim()) ?? [];
  return digits === undefined ? undefined : Math.round(Number(digits) * 1000 ** prefixes.indexOf(prefix));
}

/** Bytes for people, as the Docker CLI would print them. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), prefixes.length - 1);
  return `${Number((bytes / 1000 ** power).toPrecision(4))} ${prefixes[power]}B`;
}
