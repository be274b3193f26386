/** What a warning is about; a word to search for and to alert on. */
export type WarningCode =
  /** Something was to be removed and is still there. */
  | 'not_removed'
  /** A task of the old image still runs, where the swarm replaces none. */
  | 'old_task_kept'
  /** A label's text was to run in every task, and some or all of them did not run. */
  | 'exec_not_run'
  /** The service does not run, as it did not run before it was stopped. */
  | 'not_running';

/** What the caller should know of a step, or of an operation, that did what it was to do. Part of the HTTP answer. */
export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
}
