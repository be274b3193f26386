/** Remembers which request a token or delivery was used for, across restarts. */
export interface Replay {
  find(replayKey: string): ReplayRecord | undefined;
  /** Binds a key that `find` did not know. */
  bind(replayKey: string, record: ReplayRecord, expiresAt: Date): void;
}

export interface ReplayRecord {
  /** Of the request that the key first came with: the same again gets the same operations. */
  readonly fingerprint: string;
  readonly operationIds: readonly string[];
}
