import type { HelperService } from '../core/helper.ts';
import type { ImageReference } from '../core/image-reference.ts';
import type { ConstrainedNode } from '../core/placement/constraint.ts';
import type { Platform } from '../core/placement/platform.ts';
import type { RegistryCredentials } from '../core/registry-credentials.ts';

/** A service in the swarm's words. */
export interface Service {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The image of its tasks as the spec has it, with the digest where there is one. */
  readonly image: string;
  /** The image that a rollback would bring back. */
  readonly previousImage?: string;
  readonly mode: 'replicated' | 'global' | 'replicated-job' | 'global-job';
  /** Only of replicated services. */
  readonly replicas?: number;
  /** What a rollback would make of them. */
  readonly previousReplicas?: number;
  /** Grows with every write of the service, by whomever. */
  readonly version: number;
  /** Grows with every forced update; tasks carry the value they were made from. */
  readonly forceUpdate: number;
  /** Absent: no update since it was created, or the swarm has not begun the newest one. */
  readonly update?: UpdateStatus;
  /** What the swarm does when an update fails. */
  readonly failureAction: 'pause' | 'continue' | 'rollback';
  /** Of its tasks, when they end. */
  readonly restartCondition: 'none' | 'on-failure' | 'any';
  /** How long an update watches a new task for a failure, milliseconds. */
  readonly updateMonitorMs: number;
  /** Absent: that of the node. */
  readonly logDriver?: LogDriver;
  /** Of the containers of its tasks, where the spec names one. */
  readonly hostname?: string;
  /** Which nodes its tasks may run on: `node.role == manager` … */
  readonly constraints: readonly string[];
  /** What its tasks get to end by themselves before they are killed, milliseconds. */
  readonly stopGraceMs: number;
  /** Names of the volumes that its tasks mount. */
  readonly volumes: readonly string[];
  /** What its tasks mount by name or path. */
  readonly mounts: readonly ServiceMount[];
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** A mount as the spec has it: a volume need not be there yet, and one that is there may have been made otherwise. */
export interface ServiceMount {
  /** `cluster`: a cluster volume, which all nodes share. */
  readonly type: 'volume' | 'bind' | 'cluster' | 'other';
  /** Name of a volume, path of a bind. */
  readonly source: string;
  /** Of a volume that the swarm is to make. Absent: Docker's own. */
  readonly driver?: string;
  readonly driverOptions: Readonly<Record<string, string>>;
}

/** Where what tasks print goes. */
export interface LogDriver {
  readonly name: string;
  /** The Engine was told to keep no copy of its own of what such a driver takes away. */
  readonly isCopyDisabled: boolean;
}

export interface UpdateStatus {
  readonly state:
    | 'updating'
    | 'paused'
    | 'completed'
    | 'rollback_started'
    | 'rollback_paused'
    | 'rollback_completed';
  readonly message: string;
  readonly startedAt?: string;
  readonly completedAt?: string;
}

/** Task states in their order. */
export const taskStates = [
  'new',
  'allocated',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
  'running',
  'complete',
  'shutdown',
  'failed',
  'rejected',
  'remove',
  'orphaned',
] as const;
export type TaskState = (typeof taskStates)[number];

export interface Task {
  readonly id: string;
  readonly serviceId: string;
  /** Only of replicated services; from 1. */
  readonly slot?: number;
  /** Absent while no node is assigned. */
  readonly nodeId?: string;
  readonly state: TaskState;
  readonly desiredState: TaskState;
  /** The swarm's word on the state: "pending task scheduling" … */
  readonly message: string;
  readonly error?: string;
  readonly exitCode?: number;
  readonly containerId?: string;
  readonly image: string;
  /** What it gets to end by itself before it is killed, milliseconds. */
  readonly stopGraceMs: number;
  readonly forceUpdate: number;
  /** ISO 8601. */
  readonly createdAt: string;
  /** When it came to its state; ISO 8601. */
  readonly stateAt: string;
}

/** The lines that a task printed, oldest first. */
export interface TaskOutput {
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

/** A Docker config. */
export interface SwarmConfig {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly data: string;
}

export interface HelperOptions {
  /** Stands in the helper's label, so that a leftover is known for one. */
  readonly owner: string;
  /** Docker secrets and the files that they become. */
  readonly secrets?: readonly { readonly id: string; readonly name: string; readonly path: string }[];
  readonly credentials?: RegistryCredentials;
}

export interface Node extends ConstrainedNode {
  readonly role: 'manager' | 'worker';
  readonly state: 'ready' | 'down' | 'disconnected' | 'unknown';
  readonly availability: 'active' | 'pause' | 'drain';
  /** `28.5.2`, `20.10.24+dfsg1`; absent where the swarm does not know it. */
  readonly engineVersion?: string;
}

/** What the Engine that is asked says of itself. */
export interface OwnEngine {
  /** Of the node that it is. */
  readonly nodeId: string;
  /** Where it keeps images: in its own graph driver, or in containerd. */
  readonly imageStore: 'graphdriver' | 'containerd';
  /** The log driver of containers that name none. */
  readonly logDriver?: string;
}

/** What a registry has under a reference. */
export interface RegistryImage {
  /** For multi-platform images that of the index. */
  readonly digest: string;
  /** As the registry lists them; none where it does not say. */
  readonly platforms: readonly Platform[];
}

/**
 * The swarm, as far as this program needs it. Every method rejects with a SwarmError: `unavailable` when the manager
 * can't be reached, has lost its quorum or takes longer than the request time-out.
 */
export interface Swarm {
  /** Resolves when this Engine is a manager that can change the swarm. */
  checkManager(): Promise<void>;

  /** The service of exactly this name. The Engine's own name filter is a prefix match. */
  findService(name: string): Promise<Service | undefined>;
  getService(id: string): Promise<Service | undefined>;
  /** @param label only those that carry it: `key` or `key=value`, matched by the Engine */
  listServices(label?: string): Promise<readonly Service[]>;

  /**
   * Reads the service afresh and writes it back with another image and its platforms, and nothing else changed.
   * @param change.platforms take the place of those of the old image; none: it may run on any
   * @param change.version of the service that this was decided on: of another one nothing is written
   * @throws SwarmError `out_of_sequence` when somebody wrote it in between, `not_found`
   */
  updateServiceImage(
    serviceId: string,
    change: {
      readonly image: string;
      readonly platforms: readonly Platform[];
      readonly isForce: boolean;
      readonly version: number;
    },
    credentials?: RegistryCredentials,
  ): Promise<void>;

  /**
   * Reads the service afresh and writes it back with another number of replicas, and nothing else changed; the same number
   * makes what a rollback would bring back what it is now.
   * @param change.version of the service that this was decided on: of another one nothing is written
   * @returns the version that this made
   * @throws SwarmError `out_of_sequence` when somebody wrote it in between, `not_found`; `rejected` when its mode has no
   *   replicas
   */
  scaleService(
    serviceId: string,
    change: { readonly replicas: number; readonly version: number },
  ): Promise<number>;

  /**
   * Creates the service of a helper. What of it is secret is not in it: `secrets` are Docker secrets that are there.
   * @returns its id
   * @throws SwarmError `name_conflict`
   */
  createHelper(helper: HelperService, options: HelperOptions): Promise<string>;
  /** Removes a service; one that is gone already is no error. */
  removeService(serviceId: string): Promise<void>;

  /** All tasks of a service that the swarm still remembers, in any state; none of a service that is gone. */
  listTasks(serviceId: string): Promise<readonly Task[]>;
  /** Also of a service that is gone, until the task has stopped. */
  getTask(id: string): Promise<Task | undefined>;
  /**
   * The last lines that a task printed, oldest first, standard output and error together; none, too, where its log driver
   * can't be read.
   * @throws SwarmError `logs_unavailable` where the log driver can't be read or the node does not answer in time
   */
  taskLogs(taskId: string, lines: number): Promise<readonly string[]>;

  /**
   * All that a task printed.
   * @throws SwarmError `logs_unavailable` where that can't be read as a whole
   */
  taskOutput(taskId: string): Promise<TaskOutput>;

  /**
   * Creates a Docker secret, marked as a helper's.
   * @returns its id
   * @throws SwarmError `name_conflict`
   */
  createSecret(secret: {
    readonly name: string;
    readonly value: string;
    readonly owner: string;
  }): Promise<string>;
  /** The Docker secrets that are marked as helpers'. */
  listHelperSecrets(): Promise<
    readonly { readonly id: string; readonly name: string; readonly owner: string }[]
  >;
  /** Removes a Docker secret; one that is gone already is no error. */
  removeSecret(id: string): Promise<void>;

  /**
   * Creates a Docker config, which the swarm keeps in its Raft store: after this it is safe.
   * @param config.data at most 1000 KiB
   * @returns its id
   * @throws SwarmError `name_conflict`
   */
  createConfig(config: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly data: string;
  }): Promise<string>;
  /** @param label only those that carry it */
  listConfigs(label: string): Promise<readonly SwarmConfig[]>;
  /** Removes a Docker config; one that is gone already is no error. */
  removeConfig(id: string): Promise<void>;

  /**
   * Whether a task of any service runs in a container whose id begins like this, or is still to end in it. On a node that
   * is down none does.
   */
  isTaskRunningIn(containerId: string): Promise<boolean>;

  /** The id of the service that a container of this Engine is a task of; undefined when it is none. */
  serviceOfContainer(containerId: string): Promise<string | undefined>;

  listNodes(): Promise<readonly Node[]>;

  /** Of the manager that is asked. Of other nodes nobody on this one knows it. */
  describeEngine(): Promise<OwnEngine>;

  /**
   * Asks the registry, through the Engine, which digest a reference stands for, and for which platforms.
   * @param timeoutMs longest wait, where that is less than the request time-out
   * @throws SwarmError `image_not_found`, `registry_unauthorized`, `registry_unreachable`
   */
  resolveImage(
    image: ImageReference,
    credentials?: RegistryCredentials,
    timeoutMs?: number,
  ): Promise<RegistryImage>;
}

export type SwarmErrorCode =
  | 'unavailable'
  | 'engine_too_old'
  | 'engine_too_new'
  | 'spec_too_large'
  | 'not_found'
  | 'out_of_sequence'
  | 'name_conflict'
  | 'logs_unavailable'
  | 'image_not_found'
  | 'registry_unauthorized'
  | 'registry_unreachable'
  | 'rejected';

/** Why a swarm that answers is `unavailable` all the same. */
export type SwarmErrorReason = 'not_a_manager' | 'no_leader';

/** A refusal by the Engine. The message is the Engine's and may go to an authorised caller once redacted. */
export class SwarmError extends Error {
  override readonly name = 'SwarmError';
  readonly code: SwarmErrorCode;
  readonly reason?: SwarmErrorReason;
  /** The answer to a write was lost, and it could not be seen whether it was done. */
  readonly mayBeDone: boolean;

  constructor(
    code: SwarmErrorCode,
    message: string,
    options: ErrorOptions & { readonly reason?: SwarmErrorReason; readonly mayBeDone?: boolean } = {},
  ) {
    super(message, options);
    this.code = code;
    this.mayBeDone = options.mayBeDone ?? false;
    if (options.reason !== undefined) {
      this.reason = options.reason;
    }
  }
}
