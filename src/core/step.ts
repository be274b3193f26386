import type { HelperReport, TaskReport } from './helper.ts';
import type { ImageReference } from './image-reference.ts';

/** What a step does. The engine has one executor per kind. */
export type Work =
  | {
      readonly kind: 'resolve-image';
      /** Absent: the running reference. */
      readonly image?: ImageReference;
      /** The reference has tag and digest, and the tag must point to that digest. */
      readonly mustMatchTag: boolean;
      readonly isForce: boolean;
    }
  | { readonly kind: 'exec'; readonly shell: string; readonly script: string }
  | { readonly kind: 'rollout' };

/** A part of an operation, in order. */
export interface Step {
  readonly name: string;
  /** `always`: also after a failure, for what must be undone. */
  readonly when: 'on-success' | 'always';
  /** Time for the work itself, once it has begun; milliseconds. */
  readonly timeoutMs: number;
  readonly work: Work;
}

export type StepStatus = 'running' | 'succeeded' | 'failed' | 'timed_out' | 'skipped';

/** What happened in a step; part of the HTTP answer. */
export interface StepReport {
  readonly name: string;
  readonly status: StepStatus;
  /** ISO 8601 in UTC; absent for skipped steps. */
  readonly startedAt?: string;
  readonly durationMs?: number;
  readonly message?: string;
  readonly helper?: HelperReport;
  /** Tasks of the target that failed, newest first. */
  readonly tasks?: readonly TaskReport[];
}
