// As the Docker CLI prints sizes: powers of 1000, four digits. See github.com/docker/go-units, size.go (HumanSize).
const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];

/** Bytes for people, as the Docker CLI would print them. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), prefixes.length - 1);
  return `${Number((bytes / 1000 ** power).toPrecision(4))} ${prefixes[power]}B`;
}
