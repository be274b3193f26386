import type { HelperMount, HelperService } from '../core/helper.ts';
import { helperLabel } from '../core/label-reader.ts';
import type { Platform } from '../core/placement/platform.ts';
import {
  type HelperOptions,
  type Node,
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
      readonly Mounts?: readonly MountJson[] | null;
      /** Nanoseconds. */
      readonly StopGracePeriod?: number;
    };
    readonly ForceUpdate?: number;
    readonly LogDriver?: { readonly Name?: string };
    readonly Placement?: PlacementJson;
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

interface PlacementJson {
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
    readonly Engine?: { readonly Labels?: Readonly<Record<string, string>> | null };
  };
  readonly Status: { readonly State: string; readonly Addr?: string };
}

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
    ...(spec.TaskTemplate.LogDriver?.Name && { logDriver: spec.TaskTemplate.LogDriver.Name }),
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
    ...(json.Status.Addr && { address: json.Status.Addr }),
    ...(platform && { platform: { os: platform.OS ?? '', architecture: platform.Architecture ?? '' } }),
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

/** The spec with another image. What of the placement was the old image's goes with it. */
export function writeImage(
  spec: ServiceSpecJson,
  change: { readonly image: string; readonly platforms: readonly Platform[]; readonly isForce: boolean },
): ServiceSpecJson {
  const { Placement: placement, ...template } = spec.TaskTemplate;
  return {
    ...spec,
    TaskTemplate: {
      ...template,
      ContainerSpec: { ...template.ContainerSpec, Image: change.image },
      ForceUpdate: (template.ForceUpdate ?? 0) + (change.isForce ? 1 : 0),
      ...writePlatforms(placement, change.platforms),
    },
  };
}

function writePlatforms(
  placement: PlacementJson | undefined,
  platforms: readonly Platform[],
): { readonly Placement?: PlacementJson } {
  if (platforms.length > 0) {
    const written = platforms.map(({ os, architecture }) => ({
      ...(architecture !== '' && { Architecture: architecture }),
      ...(os !== '' && { OS: os }),
    }));
    return { Placement: { ...placement, Platforms: written } };
  }
  if (placement === undefined) {
    return {};
  }
  const { Platforms: _, ...rest } = placement;
  return { Placement: rest };
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

/** What a helper gets to end by itself once it is removed. */
const STOP_GRACE_NS = 3e9;
/** Read by its owner alone. */
const SECRET_MODE = 0o400;

/**
 * The spec of a helper: one task, on one node, never restarted, its output kept where the Engine can read it. Root owns
 * the Engine's socket, so most need no capability, and they write nothing but their output and their mounts.
 * @throws SwarmError `rejected` for a value that the swarm would take for a template
 */
export function writeHelperSpec(helper: HelperService, { owner, secrets = [] }: HelperOptions): object {
  const { environment = {}, capabilities = [], hostname, isOnHostNetwork = false } = helper;
  refuseTemplates([environment, hostname, helper.mounts]);
  return {
    Name: helper.name,
    Labels: { [helperLabel]: owner },
    Mode: { Replicated: { Replicas: 1 } },
    TaskTemplate: {
      ContainerSpec: {
        Image: helper.image,
        Command: helper.command,
        Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
        ReadOnly: true,
        CapabilityDrop: ['ALL'],
        CapabilityAdd: capabilities,
        StopGracePeriod: STOP_GRACE_NS,
        ...(hostname !== undefined && { Hostname: hostname }),
        Labels: { [helperLabel]: owner },
        Mounts: helper.mounts.map(writeMount),
        Secrets: secrets.map(({ id, name, path }) => ({
          SecretID: id,
          SecretName: name,
          File: { Name: path, UID: '0', GID: '0', Mode: SECRET_MODE },
        })),
      },
      Placement: { Constraints: [`node.id==${helper.nodeId}`] },
      RestartPolicy: { Condition: 'none', MaxAttempts: 0 },
      LogDriver: { Name: 'json-file' },
      ...(isOnHostNetwork && { Networks: [{ Target: 'host' }] }),
    },
  };
}

/** The swarm fills in templates here: https://docs.docker.com/reference/cli/docker/service/create/#create-services-using-templates */
function refuseTemplates(values: readonly unknown[]): void {
  if (JSON.stringify(values).includes('{{')) {
    throw new SwarmError('rejected', 'A name holds `{{`, which the swarm would take for a template.');
  }
}

function writeMount(mount: HelperMount): object {
  if (mount.type === 'scratch') {
    // A volume without a name goes with its container.
    return { Type: 'volume', Target: mount.target };
  }
  return { Type: mount.type, Source: mount.source, Target: mount.target, ReadOnly: mount.isReadOnly };
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
