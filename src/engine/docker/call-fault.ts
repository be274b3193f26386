/**
 * `refused`: nothing was sent. `unversioned`: nothing either, for the Engine did not say which version of the API it speaks. `broken`: the connection ended before the answer did. `too_large`: there is more of the answer
 * than is read. `malformed`: the answer is whole and is not what it should be. `status`: the answer is an error, and
 * `version_refused` one that says that the Engine does not speak the version it was asked at.
 */
export type CallFaultKind =
  | 'refused'
  | 'unversioned'
  | 'broken'
  | 'timed_out'
  | 'too_large'
  | 'malformed'
  | 'status'
  | 'version_refused';

/** Why a call to the Engine came to nothing, for the log: it may name addresses. */
export class CallFault extends Error {
  override readonly name = 'CallFault';
  readonly kind: CallFaultKind;
  /** Of an answer that is an error. */
  readonly status?: number;
  /** Such an answer that is not in the form of the Engine's: of a proxy on the way, say. */
  readonly isForeign: boolean;

  constructor(
    kind: CallFaultKind,
    message: string,
    options: ErrorOptions & { readonly status?: number; readonly isForeign?: boolean } = {},
  ) {
    super(message, options);
    this.kind = kind;
    this.isForeign = options.isForeign ?? false;
    if (options.status !== undefined) {
      this.status = options.status;
    }
  }
}
