import { createHash } from 'node:crypto';
import type { StoredArchive } from './backup.ts';

/** What an archive measured where it was made, or where it is now. */
export interface ArchiveSums {
  readonly sizeBytes: number;
  /** MD5 of each part, 32 hexadecimal digits, in order: all but the last are of the same size. One part: of the whole. */
  readonly parts: readonly string[];
}

/** An archive as `upload` wrote it. */
export interface WrittenArchive extends StoredArchive {
  /** Of archives; snapshots check themselves. */
  readonly sums?: ArchiveSums;
}

/** Lines of `sum-archive`: the size, then the sums. */
const MD5 = /^[0-9a-f]{32}$/;
const SIZE = /^size (\d{1,16})$/;

/** @returns undefined for what is not such a measurement, as a whole */
export function readSums(lines: readonly string[]): ArchiveSums | undefined {
  const [first = '', ...parts] = lines.map(line => line.replace(/ [ *]-$/, ''));
  const [, size] = SIZE.exec(first) ?? [];
  return size !== undefined && parts.length > 0 && parts.every(part => MD5.test(part))
    ? { sizeBytes: Number(size), parts }
    : undefined;
}

export function areSameSums(one: ArchiveSums, other: ArchiveSums): boolean {
  return one.sizeBytes === other.sizeBytes && entityTagOf(one) === entityTagOf(other);
}

/**
 * The entity tag that S3 servers give an object: the MD5 of what came in one piece; the MD5 of the MD5s of what came in
 * parts, with their number. Servers that encrypt with keys of their own give others, so a tag can prove that an object is
 * right and not that it is wrong.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
export function provesSums(tag: string | undefined, sums: ArchiveSums): boolean {
  const [part = ''] = sums.parts;
  return tag !== undefined && (tag === tagOfParts(sums.parts) || (sums.parts.length === 1 && tag === part));
}

/** As reports show it: `md5:<hex>`, or the entity tag of what has parts. */
export function showChecksum({ parts }: ArchiveSums): string {
  return parts.length === 1 ? `md5:${parts[0]}` : tagOfParts(parts);
}

function entityTagOf({ parts }: ArchiveSums): string {
  return tagOfParts(parts);
}

function tagOfParts(parts: readonly string[]): string {
  const hash = createHash('md5').update(Buffer.from(parts.join(''), 'hex'));
  return `${hash.digest('hex')}-${parts.length}`;
}
