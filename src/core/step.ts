import type { HelperReport, TaskReport } from './helper.ts';
import type { ImagePattern } from './image-policy.ts';
import type { ImageReference } from './image-reference.ts';

/** What a step does to a service. The engine has one executor per kind. */
export type ServiceWork =
  | {
      readonly kind: 'resolve-image';
      /** Absent: the running reference. */
      readonly image?: ImageReference;
      /** The reference has tag and digest, and the tag must point to that digest. */
      readonly mustMatchTag: boolean;
      readonly isForce: boolean;
    }
  | {
      readonly kind: 'exec';
      readonly shell: string;
      readonly script: string;
      /** In one container after the other; absent: in all at the same time. */
      readonly isSequential?: boolean;
      /** A container that ended before its turn or meanwhile is named, and is no failure. */
      readonly passesOverVanished?: boolean;
    }
  | { readonly kind: 'rollout' };

/** What a step does to a node. */
export type NodeWork =
  | { readonly kind: 'clean-containers'; readonly isDryRun: boolean; readonly minAgeMs: number }
  | {
      readonly kind: 'clean-images';
      readonly isDryRun: boolean;
      readonly minAgeMs: number;
      /** Images that stay. */
      readonly keep: readonly ImagePattern[];
    }
  | { readonly kind: 'clean-build-cache'; readonly isDryRun: boolean; readonly minAgeMs: number };

export type Work = ServiceWork | NodeWork;

/** A part of an operation, in order. */
export interface Step {
  readonly name: string;
  /** `always`: also after a failure, for what must be undone or does not depend on what failed. */
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
  readonly removal?: RemovalReport;
  /** Tasks of the target that failed, newest first. */
  readonly tasks?: readonly TaskReport[];
}

/** What a step of a clean removed from a node. In a dry run: what it would remove. */
export interface RemovalReport {
  readonly kind: 'containers' | 'images' | 'build-cache';
  readonly isDryRun: boolean;
  /** At most 200 of them. */
  readonly removed: readonly RemovedItem[];
  readonly removedCount: number;
  /** What the node's Engine did not let go, in its own words. */
  readonly refused: readonly (RemovedItem & { readonly reason: string })[];
  readonly keptCount?: number;
  /** As exact as the Docker CLI prints them: four digits. Absent where they are not known. */
  readonly reclaimedBytes?: number;
}

export interface RemovedItem {
  readonly id: string;
  /** Of a container its name, of an image its references. */
  readonly names: readonly string[];
  readonly sizeBytes?: number;
}
