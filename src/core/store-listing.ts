/** An object or file in a service's folder of a store. */
export interface ListedFile {
  readonly name: string;
  readonly sizeBytes: number;
}

/** A snapshot that says of itself that it is ours. */
export interface ListedSnapshot {
  /** All 64 digits. */
  readonly id: string;
  readonly node: string;
  readonly volume: string;
  readonly service: string;
  /** The id of the backup. */
  readonly backup: string;
  /** Of the files in it; only restic from 0.17 on says it. */
  readonly sizeBytes?: number;
  /** It lacks what could not be read. */
  readonly isIncomplete?: true;
}

/** The tag of a snapshot that lacks something. */
const INCOMPLETE = 'incomplete';
const SNAPSHOT_ID = /^[0-9a-f]{64}$/;

/**
 * What `rclone lsjson` printed. Whoever may write to the store has a say in it: what is no file is passed over.
 * @throws SyntaxError for what is no listing
 */
export function readFiles(json: string): readonly ListedFile[] {
  return records(json).flatMap(({ Name: name, Size: sizeBytes, IsDir: isFolder }) =>
    typeof name === 'string' && typeof sizeBytes === 'number' && isFolder !== true
      ? [{ name, sizeBytes }]
      : [],
  );
}

/**
 * What `restic snapshots --json` printed; what is not tagged as ours is passed over.
 * @throws SyntaxError for what is no listing
 */
export function readSnapshots(json: string): readonly ListedSnapshot[] {
  return records(json).flatMap(({ id, hostname, tags, summary }) => {
    const [service, volume, backup] = ['service', 'volume', 'backup'].map(key => tagOf(tags, key));
    const isOurs = typeof id === 'string' && SNAPSHOT_ID.test(id) && typeof hostname === 'string';
    if (!isOurs || service === undefined || volume === undefined || backup === undefined) {
      return [];
    }
    const bytes = isRecord(summary) ? summary.total_bytes_processed : undefined;
    const size = typeof bytes === 'number' ? { sizeBytes: bytes } : {};
    const lacks = Array.isArray(tags) && tags.includes(INCOMPLETE) ? ({ isIncomplete: true } as const) : {};
    return [{ id, node: hostname, volume, service, backup, ...size, ...lacks }];
  });
}

/**
 * The entity tags in what an S3 server answered to listings, by key. Chunks of HTTP may be marked in between: a tag that a
 * mark is in is not found, which is no harm.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */
export function readEntityTags(answers: string): ReadonlyMap<string, string> {
  const text = answers.replace(/\r?\n[0-9a-f]{1,8}\r?\n/g, '');
  const tags = new Map<string, string>();
  for (const object of objectsIn(text)) {
    const [, key] = /<Key>([^<]{1,1024})<\/Key>/.exec(object) ?? [];
    const [, tag] =
      /<ETag>(?:"|&quot;|&#34;)?([0-9a-f-]{32,38})(?:"|&quot;|&#34;)?<\/ETag>/i.exec(object) ?? [];
    if (key !== undefined && tag !== undefined) {
      tags.set(unescapeKey(key), tag.toLowerCase());
    }
  }
  return tags;
}

/** Not by a pattern: one that looks for each end anew takes hours where a server sends beginnings and no end. */
function* objectsIn(text: string): Iterable<string> {
  for (let end = 0; ; ) {
    const start = text.indexOf('<Contents>', end);
    end = start < 0 ? -1 : text.indexOf('</Contents>', start);
    if (end < 0) {
      return;
    }
    yield text.slice(start, end);
  }
}

/** Listings may be asked for with the keys as in URLs. Our own have nothing in them that needs it but the slash. */
function unescapeKey(key: string): string {
  return key.replaceAll(/%2F/gi, '/');
}

function records(json: string): readonly Readonly<Record<string, unknown>>[] {
  const parsed: unknown = JSON.parse(json);
  // restic has nothing to list: null.
  if (parsed !== null && !Array.isArray(parsed)) {
    throw new SyntaxError('This is no listing.');
  }
  return (parsed ?? []).filter(isRecord);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** The one value of a tag; undefined also where there are several. */
function tagOf(tags: unknown, key: string): string | undefined {
  const all = Array.isArray(tags) ? tags.filter(tag => typeof tag === 'string') : [];
  const values = all.filter(tag => tag.startsWith(`${key}=`)).map(tag => tag.slice(key.length + 1));
  return values.length === 1 ? values[0] : undefined;
}
