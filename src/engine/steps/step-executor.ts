import type { WrittenArchive } from '../../core/archive-checksum.ts';
import type { StoredArchive, VolumePlace, VolumeReport } from '../../core/backup.ts';
import type { OperationErrorCode } from '../../core/errors.ts';
import type { HelperReport, TaskReport } from '../../core/helper.ts';
import type { ImageReference } from '../../core/image-reference.ts';
import type { Operation, Verdict } from '../../core/operation.ts';
import type { Platform } from '../../core/placement/platform.ts';
import type { BackupDefaults } from '../../core/plan/backup.ts';
import type { CleanNodeDefaults } from '../../core/plan/clean-node.ts';
import type { CleanServiceDefaults } from '../../core/plan/clean-service.ts';
import type { RegistryCredentials } from '../../core/registry-credentials.ts';
import type { KeptArchive } from '../../core/retention.ts';
import type { NodeWork, RemovalReport, ServiceWork, Step, Work } from '../../core/step.ts';
import type { NodeTarget, ServiceTarget } from '../../core/target.ts';
import type { Warning } from '../../core/warning.ts';
import type { Bell } from '../bell.ts';
import type { Clock } from '../clock.ts';
import type { Fare } from '../fare.ts';
import type { Journal, JournalEntry } from '../journal.ts';
import type { OwnServiceCheck } from '../own-service.ts';
import type { Node, Service, Swarm } from '../swarm.ts';
import type { NodeClean } from './node-clean.ts';

/** What the engine needs of the outside, for every action. */
export interface EngineWorld {
  readonly swarm: Swarm;
  readonly clock: Clock;
  readonly settings: EngineSettings;
  readonly journal: Journal;
  readonly isOwnService: OwnServiceCheck;
  /** Who this is, for what must be told apart from what another one left: the id of its container, or its host's name. */
  readonly owner: string;
  /** Names of the helpers, and of their secrets, that are at work for it. */
  readonly namesInUse: Set<string>;
  /** Rung where an operation leaves an entry in the journal: the recovery looks at once. */
  readonly leftBehind: Bell;
  /** Takes known secrets out of a text. */
  readonly redact: (text: string) => string;
}

export interface EngineSettings {
  /** Image with the Docker CLI that helpers run. */
  readonly helperImage: string;
  /** Logins of the environment, the first that fits is taken. */
  readonly registries: readonly RegistryCredentials[];
  readonly cleanService: CleanServiceDefaults;
  readonly cleanNode: CleanNodeDefaults;
  readonly backup: BackupDefaults;
  /** Images of the helpers that write and read backups. */
  readonly backupImages: { readonly offen: string; readonly restic: string; readonly rclone: string };
  /** Milliseconds. */
  readonly timeouts: {
    /** Of one update, unless a label says otherwise. */
    readonly updateMs: number;
    /** From the creation of a task until it runs. */
    readonly pendingMs: number;
    /** Waiting for a target's lock. */
    readonly lockMs: number;
    /** Added to the time of a rollout, for delays of the network and the like. */
    readonly extraMs: number;
  };
}

interface SharedContext {
  readonly world: EngineWorld;
  readonly onProgress: (message: string) => void;
}

/** What the steps of one operation on a service share. */
export interface ServiceContext extends SharedContext {
  readonly target: ServiceTarget;
  /** As it was when the operation got its lock. */
  readonly service: Service;
  /** Set by `resolve-image`. */
  resolved?: ResolvedImage;
  /** Set by `locate-volumes`: what a backup is of. */
  located?: { readonly backup: string; readonly places: readonly VolumePlace[] };
  /** Nodes that are down, of which an admin says that nothing runs there any more. */
  readonly deadNodeIds?: readonly string[];
  /** Set by `stop`, before it scales: what `start` brings back. */
  stopped?: StoppedByUs;
  /** Set by `upload`: what it wrote. */
  uploaded?: readonly WrittenArchive[];
  /** Set by `verify-backup`: all that is kept of the service. */
  kept?: readonly KeptArchive[];
  /** Set by `find-backup`: what goes where. */
  chosen?: readonly RestoreChoice[];
  /** Set by `fetch-backup`: all that was chosen is unpacked, whole. */
  isFetched?: boolean;
  /** Set by `swap-volumes`: no volume holds anything half done any more, so the service can start on them. */
  isSettled?: boolean;
  /**
   * Decides once more whether the caller may deploy this image, on the labels as they are at this moment: hooks may have
   * taken hours.
   * @returns the version of the service that this holds for
   * @throws OperationError `not_authorized_any_more`, `target_gone`
   */
  readonly checkStillAllowed: (image: ImageReference) => Promise<number>;
}

/** A service that an operation has stopped, or was about to. */
export interface StoppedByUs {
  readonly entry: JournalEntry;
  /** Until when its tasks get to end. */
  readonly endsBy: Date;
  /** How it fared before. */
  readonly before: Fare;
  /** Once nothing of it is left: its version, which nobody is to change until `start`. */
  version?: number;
}

/** What the steps of one operation on a node share. */
export interface NodeContext extends SharedContext {
  readonly target: NodeTarget;
  readonly node: Node;
  /** All steps of the operation: what they need of the node is read, and done, together. */
  readonly steps: readonly Step[];
  /** Made by the first step that needs it. */
  clean?: NodeClean;
}

export type StepContext = ServiceContext | NodeContext;

/** An archive, and the volume that it is restored into. */
export interface RestoreChoice {
  readonly archive: StoredArchive;
  readonly place: VolumePlace;
}

export interface ResolvedImage {
  /** With tag and digest. */
  readonly pinned: string;
  /** Of the image, as they go into the placement. */
  readonly platforms: readonly Platform[];
  /** What labels must allow: the digest is a part of it unless it is known to be the tag's own. */
  readonly reference: ImageReference;
  readonly credentials: RegistryCredentials | undefined;
  /** The tasks must be made anew although the image is the same. */
  readonly isForce: boolean;
}

export interface StepOutcome {
  /** `skipped`: there was nothing to do. */
  readonly status: 'succeeded' | 'failed' | 'timed_out' | 'skipped';
  readonly message?: string;
  /** What the caller should know although it is no failure. */
  readonly warnings?: readonly Warning[];
  readonly helper?: HelperReport;
  readonly tasks?: readonly TaskReport[];
  readonly removal?: RemovalReport;
  readonly volumes?: readonly VolumeReport[];
  readonly image?: Operation['image'];
  /** Why it did not succeed. */
  readonly error?: { readonly code: OperationErrorCode; readonly message: string };
  /** A verdict that the step's status does not say; `unchanged` ends the operation. */
  readonly verdict?: Extract<Verdict, 'unchanged' | 'rolled_back'>;
}

/** Does one kind of work. Throws OperationError or SwarmError for what it can't do at all. */
export type StepExecutor<W extends Work> = (
  context: W extends NodeWork ? NodeContext : W extends ServiceWork ? ServiceContext : never,
  step: Step & { readonly work: W },
) => Promise<StepOutcome>;
