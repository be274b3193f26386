import { type ProviderName, providerNames, type WebhookEvent } from '../../providers/provider.ts';
import type { BackupEngine, VerifyDepth } from './backup.ts';
import type { ImagePattern } from './image-policy.ts';
import {
  actionLabels,
  backupLabels,
  cleanLabels,
  defaultStartedBy,
  type execLabels,
  grantLabels,
  refProtectedLabel,
  serviceLabelDefinitions,
  updateLabels,
} from './label-definitions.ts';
import {
  actionOf,
  defined,
  findUnknown,
  type LabelFault,
  LabelReader,
  labelPrefix,
  type RawLabels,
} from './label-reader.ts';
import { type ActionName, actionNames } from './operation.ts';
import type { TokenSecret } from './plain-token.ts';

/** What one provider's labels of one action allow an identity to do. Every field given must match. */
export interface Grant {
  readonly provider: ProviderName;
  /** Lower case; `owner/*` only under `github-org`. */
  readonly repositories?: readonly string[];
  readonly repositoryIds?: readonly string[];
  /** Full refs, `*` only at the end. */
  readonly refs?: readonly string[];
  readonly environment?: string;
  readonly startedBy: readonly string[];
  /** `startedBy` is what the label says, not the default: then it binds jobs too. */
  readonly isStartedByWritten: boolean;
  readonly workflow?: string;
  /** GitLab: the ref must be protected. */
  readonly refProtected: boolean;
  /** Webhook events that start the action by themselves. */
  readonly on: readonly WebhookEvent[];
}

export interface ActionLabels {
  readonly isEnabled: boolean;
  readonly token?: TokenSecret;
  readonly grants: readonly Grant[];
  readonly timeoutMs?: number;
  /** When the clock starts the action on this service, by itself and not with all others. With single blanks. */
  readonly cron?: string;
  /**
   * Faults under `swarm-utils.<action>.`, save those that void one grant and nothing else, and under what is no action
   * at all, or under a misspelt prefix: a label that was to limit this one may be misspelt there. For `restore` those of
   * `backup` too.
   */
  readonly faults: readonly LabelFault[];
}

/** A shell text to run in the containers of the service's tasks. */
export interface ExecLabels {
  readonly script: string;
  /** Absent: the default of the action. */
  readonly shell?: string;
  readonly timeoutMs?: number;
  /** Whom it runs as in the container. Absent: the container's own user. */
  readonly user?: string;
}

export interface UpdateLabels extends ActionLabels {
  readonly imageAllow?: readonly ImagePattern[];
  readonly image?: string;
  readonly registry: RegistryLabels;
  readonly execPre?: ExecLabels;
  readonly execPost?: ExecLabels;
}

export interface CleanLabels extends ActionLabels {
  readonly exec?: ExecLabels;
  /** In the containers all at the same time, or one after the other. */
  readonly isParallel: boolean;
}

export interface BackupLabels extends ActionLabels {
  readonly exec?: ExecLabels;
  /** A backup without it is none. */
  readonly isExecRequired: boolean;
  /** Scale to 0 while the volumes are written. */
  readonly isStopped: boolean;
  readonly stopTimeoutMs?: number;
  readonly startTimeoutMs?: number;
  readonly volumes: readonly string[];
  /** Whether volumes of one name on several nodes are one storage. Absent: driver and options tell. */
  readonly isShared?: boolean;
  /** For one volume. */
  readonly uploadTimeoutMs?: number;
  readonly engine: BackupEngine;
  readonly verify: VerifyDepth;
  readonly verifyTimeoutMs?: number;
  readonly target: 's3' | 'local';
  readonly s3: S3Labels;
}

/** What labels say of the S3 server; the environment says the rest. */
export interface S3Labels {
  readonly url?: string;
  readonly isHttps?: boolean;
  readonly bucket?: string;
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly retentionDays?: number;
}

export interface RegistryLabels {
  /** `true`: a login must be found; `false`: none is sent; absent: one is sent where the environment has it. */
  readonly auth?: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly url?: string;
}

/** All `swarm-utils.*` labels of one service, parsed. */
export interface ServiceLabels {
  readonly update: UpdateLabels;
  readonly clean: CleanLabels;
  readonly backup: BackupLabels;
  readonly restore: ActionLabels;
  readonly faults: readonly LabelFault[];
}

/** Parses the labels of a service. Labels of others are none of our business and are passed over. */
export function parseServiceLabels(raw: RawLabels): ServiceLabels {
  const reader = new LabelReader(raw, serviceLabelDefinitions);
  const unknown = findUnknown(raw, serviceLabelDefinitions);
  const voidGrants = new Set(unknown.map(({ label }) => grantOf(label)));
  const actions = Object.fromEntries(
    actionNames.map(action => [action, readAction(reader, action, voidGrants)]),
  ) as Record<ActionName, Omit<ActionLabels, 'faults'>>;
  const update = { ...actions.update, ...readUpdate(reader) };
  const clean = { ...actions.clean, ...readClean(reader, actions.clean.isEnabled) };
  const backup = { ...actions.backup, ...readBackup(reader, actions.backup.isEnabled) };
  if (actions.restore.isEnabled && backup.volumes.length === 0) {
    reader.fault(
      actionLabels('restore').enable,
      `does nothing without ${labelPrefix}${backupLabels.volumes.key}`,
    );
  }
  reader.readRest();
  const faults = [...reader.faults, ...unknown];
  const faultsOf = (...those: readonly ActionName[]) =>
    faults.filter(({ label }) => {
      const action = actionOf(label);
      return grantOf(label) === undefined && (action === undefined || those.includes(action));
    });
  return {
    update: { ...update, faults: faultsOf('update') },
    clean: { ...clean, faults: faultsOf('clean') },
    backup: { ...backup, faults: faultsOf('backup') },
    // Where the backups are, and of what, is written there.
    restore: { ...actions.restore, faults: faultsOf('restore', 'backup') },
    faults,
  };
}

function readAction(
  reader: LabelReader,
  action: ActionName,
  voidGrants: ReadonlySet<string | undefined>,
): Omit<ActionLabels, 'faults'> {
  const definitions = actionLabels(action);
  return {
    isEnabled: reader.read(definitions.enable) ?? false,
    grants: providerNames.flatMap(provider => {
      const grant = readGrant(reader, action, provider);
      return grant === undefined || voidGrants.has(grantKey(action, provider)) ? [] : [grant];
    }),
    ...defined({
      token: reader.read(definitions.token),
      timeoutMs: reader.read(definitions.timeout),
      cron: reader.read(definitions.cron),
    }),
  };
}

/** @returns undefined when there is none, or when it has a fault: a faulty grant grants nothing */
function readGrant(reader: LabelReader, action: ActionName, provider: ProviderName): Grant | undefined {
  const definitions = grantLabels(action, provider);
  const refProtected = refProtectedLabel(action);
  const written = [...Object.values(definitions), ...(provider === 'gitlab' ? [refProtected] : [])].find(
    definition => reader.has(definition),
  );
  if (written === undefined) {
    return undefined;
  }
  const faultsBefore = reader.faults.length;
  const grant: Grant = {
    provider,
    startedBy: reader.read(definitions.event) ?? defaultStartedBy[provider],
    isStartedByWritten: reader.has(definitions.event),
    refProtected: provider === 'gitlab' && (reader.read(refProtected) ?? true),
    on: reader.read(definitions.on) ?? [],
    ...defined({
      repositories: reader.read(definitions.repository),
      repositoryIds: reader.read(definitions.repositoryId),
      refs: reader.read(definitions.ref),
      environment: reader.read(definitions.environment),
      workflow: reader.read(definitions.workflow),
    }),
  };
  const prefix = `${labelPrefix}${action}.${provider}`;
  if (!reader.has(definitions.repository) && !reader.has(definitions.repositoryId)) {
    reader.fault(written, `grants nothing without ${prefix}.repository or ${prefix}.repository-id`);
  }
  if (!reader.has(definitions.ref) && !reader.has(definitions.environment)) {
    reader.fault(written, `grants nothing without ${prefix}.ref or ${prefix}.environment`);
  }
  return reader.faults.length === faultsBefore ? grant : undefined;
}

function readUpdate(reader: LabelReader): Omit<UpdateLabels, keyof ActionLabels> {
  const labels = updateLabels;
  return {
    registry: defined({
      auth: reader.read(labels.registryAuth),
      user: reader.read(labels.registryUser),
      password: reader.read(labels.registryPassword),
      url: reader.read(labels.registryUrl),
    }),
    ...defined({
      imageAllow: reader.read(labels.imageAllow),
      image: reader.read(labels.image),
      execPre: readExec(reader, labels.execPre),
      execPost: readExec(reader, labels.execPost),
    }),
  };
}

function readClean(reader: LabelReader, isEnabled: boolean): Omit<CleanLabels, keyof ActionLabels> {
  const exec = readExec(reader, cleanLabels.exec);
  if (isEnabled && !reader.has(cleanLabels.exec.script)) {
    reader.fault(actionLabels('clean').enable, `does nothing without ${labelPrefix}clean.exec`);
  }
  return { isParallel: reader.read(cleanLabels.parallel) ?? true, ...defined({ exec }) };
}

function readBackup(reader: LabelReader, isEnabled: boolean): Omit<BackupLabels, keyof ActionLabels> {
  const labels = backupLabels;
  if (isEnabled && !reader.has(labels.exec.script) && !reader.has(labels.volumes)) {
    const message = `does nothing without ${labelPrefix}${labels.volumes.key} or ${labelPrefix}backup.exec`;
    reader.fault(actionLabels('backup').enable, message);
  }
  return {
    isExecRequired: reader.read(labels.execRequired) ?? true,
    isStopped: reader.read(labels.stop) ?? false,
    volumes: [...new Set(reader.read(labels.volumes) ?? [])],
    engine: reader.read(labels.engine) ?? 'offen',
    target: reader.read(labels.target) ?? 's3',
    verify: reader.read(labels.verify) ?? 'snapshot',
    s3: defined({
      url: reader.read(labels.s3Url),
      isHttps: reader.read(labels.s3Https),
      bucket: reader.read(labels.s3Bucket),
      accessKey: reader.read(labels.s3AccessKey),
      secretKey: reader.read(labels.s3SecretKey),
      retentionDays: reader.read(labels.s3RetentionDays),
    }),
    ...defined({
      exec: readExec(reader, labels.exec),
      stopTimeoutMs: reader.read(labels.stopTimeout),
      startTimeoutMs: reader.read(labels.startTimeout),
      uploadTimeoutMs: reader.read(labels.volumesTimeout),
      isShared: reader.read(labels.volumesShared),
      verifyTimeoutMs: reader.read(labels.verifyTimeout),
    }),
  };
}

/** An `exec` label with its shell and time-out; undefined where there is none. */
export function readExec(
  reader: LabelReader,
  definitions: Omit<ReturnType<typeof execLabels>, 'user'> & Partial<ReturnType<typeof execLabels>>,
): ExecLabels | undefined {
  const script = reader.read(definitions.script);
  const shell = reader.read(definitions.shell);
  const timeoutMs = reader.read(definitions.timeout);
  const user = definitions.user && reader.read(definitions.user);
  return script === undefined ? undefined : { script, ...defined({ shell, timeoutMs, user }) };
}

/** The grant that a label, known or not, belongs to; undefined for others. */
function grantOf(label: string): string | undefined {
  const action = actionOf(label);
  const [, , segment] = label.split('.', 3);
  const provider = providerNames.find(name => name === segment);
  return action && provider && grantKey(action, provider);
}

function grantKey(action: ActionName, provider: ProviderName): string {
  return `${action}.${provider}`;
}
