import type { BackupStore, VerifyDepth, VolumeReport } from './backup.ts';
import type { HelperReport, TaskReport } from './helper.ts';
import type { ImagePattern } from './image-policy.ts';
import type { ImageReference } from './image-reference.ts';
import type { Warning } from './warning.ts';

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
      /** Whom it runs as in the container: `name` or `id`, `:group`. Absent: the container's own. */
      readonly user?: string;
      /** In one container after the other; absent: in all at the same time. */
      readonly isSequential?: boolean;
      /** Where it did not run there is no backup: none without a task, none of a node on which no task ran it. */
      readonly isRequired?: boolean;
      /** A container that ended before its turn or meanwhile is named, and is no failure. */
      readonly passesOverVanished?: boolean;
    }
  | { readonly kind: 'rollout' }
  | {
      /** Finds the nodes that hold the volumes, before anything is touched. */
      readonly kind: 'locate-volumes';
      readonly volumes: readonly string[];
      /** The service will be scaled to 0, so it must be one that can be. */
      readonly isStopped: boolean;
    }
  /** Scales the service to 0 and waits until none of its tasks is left on any node. */
  | { readonly kind: 'stop' }
  /** Scales the service to what it had before `stop`; nothing where it was not stopped. */
  | { readonly kind: 'start' }
  /** Writes each located volume to the store. */
  | { readonly kind: 'upload'; readonly store: BackupStore }
  /** Reads from the store that what `upload` wrote is there, and whole. */
  | { readonly kind: 'verify-backup'; readonly store: BackupStore; readonly depth: VerifyDepth }
  /** Removes from the store what is older than the retention, and never the last good one of a volume. */
  | { readonly kind: 'forget-backups'; readonly store: BackupStore }
  | {
      /** Chooses the archives to restore and the node for each. */
      readonly kind: 'find-backup';
      readonly store: BackupStore;
      readonly volumes: readonly string[];
      readonly backup?: string;
      readonly nodeName?: string;
      /** The service will be scaled to 0, so it must be one that can be. */
      readonly isStopped: boolean;
    }
  /** Unpacks the chosen archives beside the content of their volumes. */
  | { readonly kind: 'fetch-backup'; readonly store: BackupStore }
  /** Puts what `fetch-backup` unpacked in the place of the old content, or removes it where not all came whole. */
  | { readonly kind: 'swap-volumes' }
  /** Unpacks the chosen archives into scratch volumes, and counts. */
  | { readonly kind: 'drill-restore'; readonly store: BackupStore };

/** What a step does to a node. */
export type NodeWork =
  | {
      readonly kind: 'clean-containers';
      readonly isDryRun: boolean;
      readonly minAgeMs: number;
      /** From which age those go that were created and never started. Absent: only the swarm's own do. */
      readonly createdMinAgeMs?: number;
    }
  | {
      readonly kind: 'clean-images';
      readonly isDryRun: boolean;
      readonly minAgeMs: number;
      /** Images that stay. */
      readonly keep: readonly ImagePattern[];
    }
  | { readonly kind: 'clean-build-cache'; readonly isDryRun: boolean; readonly minAgeMs: number }
  /** Runs a text of the node's own labels beside its Engine. */
  | {
      readonly kind: 'node-exec';
      readonly isDryRun: boolean;
      readonly shell: string;
      readonly script: string;
    };

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
  /** What was not as it should be, although the step did what it was to do; at most 20. */
  readonly warnings?: readonly Warning[];
  readonly helper?: HelperReport;
  readonly removal?: RemovalReport;
  /** What was written, verified, removed or restored, by volume. */
  readonly volumes?: readonly VolumeReport[];
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
  /** What the disk has got back. Absent where that is not known. */
  readonly reclaimedBytes?: number;
}

export interface RemovedItem {
  readonly id: string;
  /** Of a container its name, of an image its references. */
  readonly names: readonly string[];
  readonly sizeBytes?: number;
}
