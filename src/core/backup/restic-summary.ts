/** What restic made of a volume. */
export interface ResticSummary {
  /** Of the snapshot: all 64 digits, or the first eight before restic 0.15. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Files that went away while they were read, and are not in the snapshot. */
  readonly vanished: readonly string[];
  /** Files that are there and could not be read, each with the reason where restic says it. */
  readonly unreadable: readonly string[];
  /** The snapshot is marked as incomplete, and has this id now. */
  readonly marked?: string;
}

/**
 * What the script that writes a snapshot printed. Names of files are others' and may hold anything.
 * @param folder that was read, which is taken off names
 * @returns undefined for what is not that
 * @see https://restic.readthedocs.io/en/stable/075_scripting.html#backup
 */
export function readSummary(lines: readonly string[], folder: string): ResticSummary | undefined {
  const summary = parse(lines.at(-1) ?? '');
  const { snapshot_id: name, total_bytes_processed: sizeBytes } = summary ?? {};
  if (!(typeof name === 'string' && /^[0-9a-f]{8,64}$/.test(name) && typeof sizeBytes === 'number')) {
    return undefined;
  }
  const marked = linesAfter(lines, 'marked ').find(id => /^[0-9a-f]{8,64}$/.test(id));
  const missedAfter = (mark: string) => [
    ...new Set(linesAfter(lines, mark).flatMap(json => describeMissed(parse(json), folder))),
  ];
  return {
    name,
    sizeBytes,
    vanished: missedAfter('vanished '),
    unreadable: missedAfter('unreadable '),
    ...(marked !== undefined && { marked }),
  };
}

function linesAfter(lines: readonly string[], mark: string): readonly string[] {
  return lines.flatMap(line => (line.startsWith(mark) ? [line.slice(mark.length)] : []));
}

/** Its name below the folder; of what could not be read the reason too. */
function describeMissed(
  message: Readonly<Record<string, unknown>> | undefined,
  folder: string,
): readonly string[] {
  const { item, error } = message ?? {};
  if (typeof item !== 'string') {
    return [];
  }
  const name = item.startsWith(`${folder}/`) ? item.slice(folder.length + 1) : item;
  const reason = isRecord(error) ? error.message : undefined;
  const isGone = typeof reason !== 'string' || reason.endsWith('no such file or directory');
  // The reason names the file by itself: `open /backup/data/a: permission denied`.
  return [isGone ? name : `${name} (${reason.split(': ').at(-1)})`];
}

function parse(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
