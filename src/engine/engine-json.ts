import {
  type LogDriver,
  type Node,
  type OwnEngine,
  type RegistryImage,
  type Service,
  type ServiceMount,
  type SwarmConfig,
  SwarmError,
  type Task,
  type TaskState,
  taskStates,
  type UpdateStatus,
} from './swarm.ts';

// The fields of the Engine API (v1.41 and later) that are read here; https://docs.docker.com/reference/api/engine/.

export interface ServiceJson {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  readonly Spec: ServiceSpecJson;
  /** What a rollback goes back to. */
  readonly PreviousSpec?: ServiceSpecJson;
  readonly UpdateStatus?: {
    readonly State?: string;
    readonly StartedAt?: string;
    readonly CompletedAt?: string;
    readonly Message?: string;
  };
}

/** Whatever else is in a spec is written back as it was read. */
export interface ServiceSpecJson {
  readonly Name: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly TaskTemplate: {
    readonly ContainerSpec?: {
      readonly Image: string;
      readonly Labels?: Readonly<Record<string, string>> | null;
      readonly Mounts?: readonly MountJson[] | null;
      /** Nanoseconds. */
      readonly StopGracePeriod?: number;
      readonly Hostname?: string;
    };
    readonly ForceUpdate?: number;
    readonly LogDriver?: LogDriverJson | null;
    readonly Placement?: PlacementJson;
    readonly RestartPolicy?: { readonly Condition?: string };
  };
  readonly Mode?: {
    readonly Replicated?: { readonly Replicas?: number };
    readonly Global?: object;
    readonly ReplicatedJob?: object;
    readonly GlobalJob?: object;
  };
  readonly UpdateConfig?: {
    readonly FailureAction?: string;
    /** Nanoseconds. */
    readonly Monitor?: number;
  };
}

interface LogDriverJson {
  readonly Name?: string;
  readonly Options?: Readonly<Record<string, string>> | null;
}

export interface PlacementJson {
  readonly Constraints?: readonly string[] | null;
  readonly Platforms?: readonly object[] | null;
}

interface MountJson {
  readonly Type: string;
  readonly Source?: string;
  readonly VolumeOptions?: {
    readonly DriverConfig?: {
      readonly Name?: string;
      readonly Options?: Readonly<Record<string, string>> | null;
    } | null;
  } | null;
}

export interface TaskJson {
  readonly ID: string;
  readonly ServiceID: string;
  readonly Slot?: number;
  readonly NodeID?: string;
  readonly CreatedAt: string;
  readonly DesiredState: string;
  readonly Spec: {
    readonly ContainerSpec?: { readonly Image: string; readonly StopGracePeriod?: number };
    readonly ForceUpdate?: number;
  };
  readonly Status: {
    readonly Timestamp: string;
    readonly State: string;
    readonly Message?: string;
    readonly Err?: string;
    readonly ContainerStatus?: { readonly ContainerID?: string; readonly ExitCode?: number };
  };
}

export interface NodeJson {
  readonly ID: string;
  readonly Spec: {
    readonly Role: string;
    readonly Availability: string;
    readonly Labels?: Readonly<Record<string, string>>;
  };
  readonly Description: {
    readonly Hostname: string;
    readonly Platform?: { readonly Architecture?: string; readonly OS?: string };
    readonly Engine?: {
      readonly EngineVersion?: string;
      readonly Labels?: Readonly<Record<string, string>> | null;
    };
  };
  readonly Status: { readonly State: string; readonly Addr?: string };
}

/** @see https://docs.docker.com/reference/api/engine/ "Get system information" */
export interface InfoJson {
  readonly DriverStatus?: readonly (readonly string[])[] | null;
  readonly LoggingDriver?: string;
  readonly Swarm: { readonly NodeID: string };
}

/** @see https://docs.docker.com/engine/storage/containerd/ */
const CONTAINERD_DRIVER = 'io.containerd.snapshotter.v1';

/** @see https://docs.docker.com/reference/api/engine/ "Get image information from the registry" */
export interface DistributionJson {
  readonly Descriptor: { readonly digest: string };
  readonly Platforms?: readonly { readonly os?: unknown; readonly architecture?: unknown }[] | null;
}

/** @see https://docs.docker.com/reference/cli/docker/service/create/ `--update-monitor` */
const DEFAULT_MONITOR_NS = 5e9;
/** @see https://docs.docker.com/reference/cli/docker/service/create/ `--stop-grace-period` */
const DEFAULT_STOP_GRACE_NS = 10e9;

export function readService(json: ServiceJson): Service {
  const { Spec: spec } = json;
  const update = json.UpdateStatus?.State;
  const logDriver = readLogDriver(spec.TaskTemplate.LogDriver);
  const previousImage = json.PreviousSpec?.TaskTemplate?.ContainerSpec?.Image;
  const replicas = replicasOf(spec);
  const previousReplicas = json.PreviousSpec && replicasOf(json.PreviousSpec);
  return {
    id: json.ID,
    name: spec.Name,
    labels: spec.Labels ?? {},
    image: spec.TaskTemplate.ContainerSpec?.Image ?? '',
    mode: readMode(spec.Mode),
    version: json.Version.Index,
    forceUpdate: spec.TaskTemplate.ForceUpdate ?? 0,
    failureAction: oneOf(
      ['pause', 'continue', 'rollback'],
      spec.UpdateConfig?.FailureAction || 'pause',
      'failure action',
    ),
    restartCondition: oneOf(
      ['none', 'on-failure', 'any'],
      spec.TaskTemplate.RestartPolicy?.Condition || 'any',
      'restart condition',
    ),
    constraints: spec.TaskTemplate.Placement?.Constraints ?? [],
    stopGraceMs: (spec.TaskTemplate.ContainerSpec?.StopGracePeriod ?? DEFAULT_STOP_GRACE_NS) / 1e6,
    volumes: volumesOf(spec),
    mounts: mountsOf(spec),
    updateMonitorMs: (spec.UpdateConfig?.Monitor || DEFAULT_MONITOR_NS) / 1e6,
    createdAt: json.CreatedAt,
    updatedAt: json.UpdatedAt,
    ...(previousImage && { previousImage }),
    ...(replicas !== undefined && { replicas }),
    ...(previousReplicas !== undefined && { previousReplicas }),
    // The Engine answers an empty object where the swarm has none.
    ...(update && { update: readUpdateStatus(update, json.UpdateStatus) }),
    ...(logDriver && { logDriver }),
    ...(spec.TaskTemplate.ContainerSpec?.Hostname && { hostname: spec.TaskTemplate.ContainerSpec.Hostname }),
  };
}

export function readTask(json: TaskJson): Task {
  const { Status: status } = json;
  const container = status.ContainerStatus;
  return {
    id: json.ID,
    serviceId: json.ServiceID,
    state: readTaskState(status.State),
    desiredState: readTaskState(json.DesiredState),
    message: status.Message ?? '',
    image: json.Spec.ContainerSpec?.Image ?? '',
    stopGraceMs: (json.Spec.ContainerSpec?.StopGracePeriod ?? DEFAULT_STOP_GRACE_NS) / 1e6,
    forceUpdate: json.Spec.ForceUpdate ?? 0,
    createdAt: json.CreatedAt,
    stateAt: status.Timestamp,
    ...(json.Slot && { slot: json.Slot }),
    ...(json.NodeID && { nodeId: json.NodeID }),
    ...(status.Err && { error: status.Err }),
    ...(container?.ContainerID && { containerId: container.ContainerID, exitCode: container.ExitCode ?? 0 }),
  };
}

export function readNode(json: NodeJson): Node {
  const { Platform: platform, Engine: engine, Hostname: hostname } = json.Description;
  return {
    id: json.ID,
    hostname,
    role: oneOf(['manager', 'worker'], json.Spec.Role, 'node role'),
    state: oneOf(['ready', 'down', 'disconnected', 'unknown'], json.Status.State, 'node state'),
    availability: oneOf(['active', 'pause', 'drain'], json.Spec.Availability, 'node availability'),
    labels: json.Spec.Labels ?? {},
    engineLabels: engine?.Labels ?? {},
    ...(engine?.EngineVersion && { engineVersion: engine.EngineVersion }),
    ...(json.Status.Addr && { address: json.Status.Addr }),
    ...(platform && { platform: { os: platform.OS ?? '', architecture: platform.Architecture ?? '' } }),
  };
}

export function readOwnEngine({
  Swarm: { NodeID: nodeId },
  DriverStatus,
  LoggingDriver: logDriver,
}: InfoJson): OwnEngine {
  const isContainerd = (DriverStatus ?? []).some(
    ([key, value]) => key === 'driver-type' && value === CONTAINERD_DRIVER,
  );
  return {
    nodeId,
    imageStore: isContainerd ? 'containerd' : 'graphdriver',
    ...(logDriver && { logDriver }),
  };
}

export function readRegistryImage({ Descriptor: { digest }, Platforms }: DistributionJson): RegistryImage {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  const platforms = (Platforms ?? []).map(({ os, architecture }) => ({
    os: text(os),
    architecture: text(architecture),
  }));
  return { digest, platforms };
}

/** @see https://docs.docker.com/engine/logging/dual-logging/ "Configuration" */
function readLogDriver(json: LogDriverJson | null | undefined): LogDriver | undefined {
  const isCopyDisabled = /^(?:1|t|true)$/i.test(json?.Options?.['cache-disabled'] ?? '');
  return json?.Name ? { name: json.Name, isCopyDisabled } : undefined;
}

/** Undefined where its mode has none. */
function replicasOf({ Mode }: ServiceSpecJson): number | undefined {
  return Mode?.Replicated === undefined ? undefined : (Mode.Replicated.Replicas ?? 1);
}

function volumesOf({ TaskTemplate: { ContainerSpec } }: ServiceSpecJson): readonly string[] {
  const sources = (ContainerSpec?.Mounts ?? []).flatMap(({ Type, Source }) =>
    Type === 'volume' && Source ? [Source] : [],
  );
  return [...new Set(sources)];
}

/** What has no name is nobody else's. */
function mountsOf({ TaskTemplate: { ContainerSpec } }: ServiceSpecJson): readonly ServiceMount[] {
  return (ContainerSpec?.Mounts ?? []).flatMap(({ Type, Source, VolumeOptions }) => {
    const { Name: driver, Options } = VolumeOptions?.DriverConfig ?? {};
    const type = (['volume', 'bind', 'cluster'] as const).find(each => each === Type) ?? 'other';
    return Source ? [{ type, source: Source, driverOptions: Options ?? {}, ...(driver && { driver }) }] : [];
  });
}

export interface SecretJson {
  readonly ID: string;
  readonly Spec: { readonly Name: string; readonly Labels?: Readonly<Record<string, string>> | null };
}

export interface ConfigJson {
  readonly ID: string;
  readonly Spec: {
    readonly Name: string;
    readonly Labels?: Readonly<Record<string, string>> | null;
    /** Base64. */
    readonly Data?: string;
  };
}

export function readConfig({ ID, Spec }: ConfigJson): SwarmConfig {
  return {
    id: ID,
    name: Spec.Name,
    labels: Spec.Labels ?? {},
    data: Buffer.from(Spec.Data ?? '', 'base64').toString('utf8'),
  };
}

function readMode(mode: ServiceSpecJson['Mode']): Service['mode'] {
  if (mode?.Global) return 'global';
  if (mode?.ReplicatedJob) return 'replicated-job';
  return mode?.GlobalJob ? 'global-job' : 'replicated';
}

function readUpdateStatus(state: string, json: ServiceJson['UpdateStatus']): UpdateStatus {
  const states = [
    'updating',
    'paused',
    'completed',
    'rollback_started',
    'rollback_paused',
    'rollback_completed',
  ] as const;
  return {
    state: oneOf(states, state, 'update state'),
    message: json?.Message ?? '',
    ...(json?.StartedAt && { startedAt: json.StartedAt }),
    ...(json?.CompletedAt && { completedAt: json.CompletedAt }),
  };
}

function readTaskState(state: string): TaskState {
  return oneOf(taskStates, state, 'task state');
}

function oneOf<T extends string>(choices: readonly T[], value: string, what: string): T {
  const found = choices.find(choice => choice === value);
  if (found === undefined) {
    throw new SwarmError('rejected', `The Engine names an unknown ${what}: ${value}`);
  }
  return found;
}
