import { matchesGlob } from 'node:path';
import { type EngineRelease, type Flavour, flavourName, flavours } from './lab/flavours.ts';

/** What lab tests run on. */
export interface EngineSetting {
  readonly flavour: Flavour;
  /** The release of the Docker client in the helpers' image, where it is not that of the nodes. */
  readonly client?: EngineRelease;
}

/** A setting and the test files that run on it. */
export interface MatrixPart {
  readonly setting: EngineSetting;
  readonly files: readonly string[];
}

/** What came of a part. */
export interface MatrixRow {
  readonly setting: EngineSetting;
  /** What its nodes said that they run. */
  readonly engine?: string | undefined;
  readonly files: number;
  readonly passed: number;
  readonly failed: number;
  /** The time that its files took, added up. */
  readonly seconds: number;
  /** Why nothing of it ran: its Debian cannot be had here. */
  readonly missing?: string | undefined;
}

/** Files whose outcome may depend on the Engine: cleans, backups, restores, verdicts, exec, logs, helpers, the stack. */
const engineFiles = [
  'test/lab/lab.test.ts',
  'test/e2e/{backup,clean,cluster,crash,fault,never-two,original-holes,rejoined,restore,stack,verdicts}*.test.ts',
];
/** What tells most in little time. */
const tellingFiles = ['test/e2e/{clean-images,cluster-volumes}.test.ts'];
/** What depends on the client in the helpers' image. */
const nodeFiles = ['test/e2e/{clean-images,clean-node,cluster-volumes}.test.ts'];

/** Helpers with an older client than their nodes, and with a newer one. */
const oddPairs: readonly EngineSetting[] = [
  { flavour: { engine: '28', store: 'containerd' }, client: '20' },
  { flavour: { engine: '20', store: 'graph' }, client: '28' },
];

/** All files that depend on the Engine on every flavour, and what depends on the client with the odd pairs. */
export function wholeMatrix(files: readonly string[]): MatrixPart[] {
  return [
    ...partsOnAll(matching(files, engineFiles)),
    ...oddPairs.map(setting => ({ setting, files: matching(files, nodeFiles) })),
  ];
}

/** Files on every flavour. */
export function partsOnAll(files: readonly string[]): MatrixPart[] {
  return flavours.map(flavour => ({ setting: { flavour }, files }));
}

/** A few minutes of that, beside all files on the main flavour: every Engine with the graph driver, and an odd pair. */
export function shortMatrix(files: readonly string[]): MatrixPart[] {
  return [
    ...flavours
      .filter(({ store }) => store === 'graph')
      .map(flavour => ({ setting: { flavour }, files: matching(files, tellingFiles) })),
    ...oddPairs.slice(0, 1).map(setting => ({ setting, files: matching(files, tellingFiles) })),
  ];
}

/** `28-containerd`; `28-containerd, client 20`. */
export function settingName({ flavour, client }: EngineSetting): string {
  return client === undefined ? flavourName(flavour) : `${flavourName(flavour)}, client ${client}`;
}

/** The rows as a table for people, one line each, with a heading. */
export function matrixTable(rows: readonly MatrixRow[]): string {
  const cells = rows.map(row => {
    const { setting, engine = '', files, passed, failed, seconds, missing } = row;
    return missing === undefined
      ? [settingName(setting), `${files}`, `${passed}`, `${failed}`, `${seconds.toFixed(0)} s`, engine]
      : [settingName(setting), '-', '-', '-', '-', `NOT TESTED, could not be had: ${firstLine(missing)}`];
  });
  const table = [['flavour', 'files', 'passed', 'failed', 'time', 'Engine'], ...cells];
  const widths =
    table[0]?.map((_, column) => Math.max(...table.map(line => line[column]?.length ?? 0))) ?? [];
  return table
    .map(line =>
      line
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 || column === line.length - 1 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function matching(files: readonly string[], globs: readonly string[]): string[] {
  return files.filter(file => globs.some(glob => matchesGlob(file, glob)));
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
