/** One command on one node, as a swarm service with restart condition `none` that is removed in the end. */
export interface HelperService {
  /** At most 63 characters; made by `helperName`. */
  readonly name: string;
  readonly image: string;
  /** Argument vector. There is no shell, so values in it are never interpreted. */
  readonly command: readonly string[];
  readonly nodeId: string;
  readonly mounts: readonly HelperMount[];
  /** Time from the first running task to its end, milliseconds. */
  readonly timeoutMs: number;
  /** What it prints is for us to read, as a whole, and not for the report. */
  readonly printsData?: boolean;
  /** Never a secret: who can inspect services reads it. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Files in the container's memory that hold what nobody may read. */
  readonly secrets?: readonly HelperSecret[];
  /** Linux capabilities that it needs, `CAP_…`; it has no others. */
  readonly capabilities?: readonly string[];
  /**
   * On the node's own network, for who speaks through its mounts alone: a network of its own takes longer to make than
   * what such a helper does.
   */
  readonly isOnHostNetwork?: boolean;
  /** Host name of its container. Absent: one that Docker makes. */
  readonly hostname?: string;
}

export type HelperMount =
  | {
      readonly type: 'bind' | 'volume';
      readonly source: string;
      readonly target: string;
      readonly isReadOnly: boolean;
    }
  /** An empty volume of its own on the node's disk, which goes with its container. */
  | { readonly type: 'scratch'; readonly target: string };

/** Becomes a Docker secret that goes with the helper. */
export interface HelperSecret {
  /** Absolute path of the file in the container, which only root can read. */
  readonly path: string;
  /** At most 500 KiB. */
  readonly value: string;
}

/** What a helper did; part of the HTTP answer. */
export interface HelperReport {
  readonly name: string;
  readonly tasks: readonly TaskReport[];
}

/** The report of helpers that worked for one step. */
export function mergeHelperReports(reports: readonly HelperReport[]): HelperReport {
  return {
    name: reports.map(({ name }) => name).join(', '),
    tasks: reports.flatMap(({ tasks }) => tasks),
  };
}

/** One task of a helper or of a target service, with what it printed last. */
export interface TaskReport {
  readonly id: string;
  /** Host name of the node; empty while none is assigned. */
  readonly node: string;
  /** The swarm's own word: `complete`, `failed`, `rejected` … */
  readonly state: string;
  readonly exitCode?: number;
  readonly error?: string;
  /** The last lines, oldest first. */
  readonly logs: readonly string[];
}
