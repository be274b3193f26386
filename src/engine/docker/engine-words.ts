/** A sentence of the Engine that says more than the status it comes with. */
export interface EngineWords<Meaning extends string> {
  readonly meaning: Meaning;
  readonly words: RegExp;
  /** What the Engine says in so many words, by release. */
  readonly said: Readonly<Record<string, string>>;
}

/**
 * What the Engine says of a request that it did not do. The one place where its words decide anything: each row is for what
 * no status tells.
 */
export const refusals: readonly EngineWords<
  'out_of_sequence' | 'not_a_manager' | 'no_leader' | 'spec_too_large' | 'version_refused' | 'away'
>[] = [
  {
    meaning: 'out_of_sequence',
    words: /update out of sequence/,
    said: { '20.10 to 29': 'rpc error: code = Unknown desc = update out of sequence' },
  },
  {
    meaning: 'not_a_manager',
    words: /not a swarm manager/,
    said: {
      '20.10 to 29': 'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" …',
    },
  },
  {
    meaning: 'no_leader',
    words: /does not have a leader|has no leader/,
    said: {
      '20.10 to 29': "The swarm does not have a leader. It's possible that too few managers are online. …",
    },
  },
  {
    meaning: 'spec_too_large',
    words: /raft message is too large|received message larger than max/,
    said: {
      '20.10 to 29':
        "rpc error: code = Unknown desc = raft: raft message is too large and can't be sent; " +
        'rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5000000 vs. 4194304)',
    },
  },
  {
    meaning: 'version_refused',
    words: /client version [\d.]+ is too (?:old|new)\b/,
    said: {
      '20.10 to 29':
        'client version 1.51 is too new. Maximum supported API version is 1.41; client version 1.24 is too old. Minimum ' +
        'supported API version is 1.40, please upgrade your client to a newer version',
    },
  },
  {
    meaning: 'away',
    words: /code = (?:Unavailable|DeadlineExceeded|Canceled)\b|context (?:deadline exceeded|canceled)/,
    said: {
      '20.10 to 29':
        'rpc error: code = Unavailable desc = …; rpc error: code = DeadlineExceeded desc = context deadline …',
    },
  },
];
