/** What can be wrong with a lab; stable, for tests and callers to compare. */
export type LabErrorCode =
  | 'bad-argument'
  | 'not-supported'
  | 'not-running'
  | 'other-shape'
  | 'address-taken'
  | 'package-missing'
  | 'command-failed'
  | 'daemon-failed'
  | 'registry-failed'
  | 'image-failed'
  | 's3-failed'
  | 'timed-out';

/** The one error of the lab. Its message says what to do; output of programs is in it, cut to its end. */
export class LabError extends Error {
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LabError';
    this.code = code;
  }
}
