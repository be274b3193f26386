import type { Logger } from 'pino';
import type { Providers } from '../../providers/provider.ts';
import type { BackupSummary } from '../core/backup.ts';
import type { TokenSecret } from '../core/plain-token.ts';
import type { CleanNodeDefaults } from '../core/plan/clean-node.ts';
import type { ScheduleView } from '../core/schedule-run.ts';
import type { ServiceTarget } from '../core/target.ts';
import type { Operations } from '../engine/operations.ts';
import type { ParsedTargets } from '../engine/parsed-targets.ts';
import type { Replay } from '../engine/replay.ts';
import type { Swarm } from '../engine/swarm.ts';

/** What the HTTP side needs of the rest. */
export interface HttpOptions {
  readonly swarm: Swarm;
  readonly parsedTargets: ParsedTargets;
  readonly operations: Operations;
  readonly providers: Providers;
  readonly replay: Replay;
  /**
   * What can be restored to a service, newest first.
   * @returns a promise that rejects with OperationError
   */
  listBackups(target: ServiceTarget): Promise<readonly BackupSummary[]>;
  /** What the clock starts, and what came of it. */
  readonly schedule: ScheduleView;
  readonly adminTokens: readonly TokenSecret[];
  /** What holds for nodes whose labels say nothing else. */
  readonly cleanNodeDefaults: CleanNodeDefaults;
  /** How many operations that one call began run at the same time. */
  readonly parallelOperations: number;
  /** Refused credentials a minute from one address before it gets 429; 0 = no limit. */
  readonly authFailureLimit: number;
  /** Express' `trust proxy`, for the address that the limit counts and the log names. */
  readonly trustProxy: boolean | number | string;
  readonly log: Logger;
  /** While true, nothing new is started; what is read goes on. */
  isStopping(): boolean;
  now(): Date;
  /** `Retry-After` of who finds a target busy. */
  readonly lockRetryAfterSeconds: number;
  /** What this server answers besides its health. */
  readonly routes: 'all' | 'api' | 'webhooks';
  /** Until then a webhook has its answer. Default 9 000: GitHub gives up after 10 s. */
  readonly webhookDeadlineMs?: number;
  /** Between two comments on a silent event stream. Default 15 000. */
  readonly heartbeatMs?: number;
}
