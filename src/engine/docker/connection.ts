/** Where the Engine is. */
export interface EngineConnection {
  /** `unix:///path` or `tcp://host:port`. */
  readonly host: string;
  /** PEM texts; `tcp://` with a certificate authority speaks TLS. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Longest wait for one answer, milliseconds. Default 30 s. */
  readonly requestTimeoutMs?: number;
  /** Largest answer that is read. Default 64 MiB: a thousand services with large labels have room in it. */
  readonly maxAnswerBytes?: number;
  /**
   * How long a swarm that went away in the middle of a write is waited for, to see what became of it, milliseconds. Default 15 s:
   * a daemon that is started anew is back by then.
   */
  readonly patienceMs?: number;
}
