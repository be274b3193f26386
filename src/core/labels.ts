import { closest, distance } from 'fastest-levenshtein';
import { type ProviderName, providerNames, type WebhookEvent } from '../../providers/provider.ts';
import type { ImagePattern } from './image-policy.ts';
import {
  actionLabels,
  defaultStartedBy,
  type execLabels,
  grantLabels,
  type LabelDefinition,
  refProtectedLabel,
  serviceLabelDefinitions,
  updateLabels,
} from './label-definitions.ts';
import { type ActionName, actionNames } from './operation.ts';
import type { TokenSecret } from './plain-token.ts';

export const labelPrefix = 'swarm-utils.';

/** Marks the helper services of this program; not for people to set. */
export const helperLabel = `${labelPrefix}helper`;

/** A label that is unknown or has a bad value. Never ignored: shown by the API, logged once, and see `authorize`. */
export interface LabelFault {
  /** The whole key. */
  readonly label: string;
  /** The value, or `[redacted]` where it may be a secret. */
  readonly value: string;
  readonly message: string;
}

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
  /** Faults under `swarm-utils.<action>.`, save those that void one grant and nothing else. */
  readonly faults: readonly LabelFault[];
}

/** A shell text to run in the containers of the service's tasks. */
export interface ExecLabels {
  readonly script: string;
  readonly shell: string;
  readonly timeoutMs?: number;
}

export interface UpdateLabels extends ActionLabels {
  readonly imageAllow?: readonly ImagePattern[];
  readonly image?: string;
  readonly registry: RegistryLabels;
  readonly execPre?: ExecLabels;
  readonly execPost?: ExecLabels;
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
  readonly clean: ActionLabels;
  readonly backup: ActionLabels;
  readonly restore: ActionLabels;
  readonly faults: readonly LabelFault[];
}

/** Parses the labels of a service. Labels of others are none of our business and are passed over. */
export function parseServiceLabels(raw: Readonly<Record<string, string>>): ServiceLabels {
  const reader = new LabelReader(raw);
  const actions = Object.fromEntries(
    actionNames.map(action => [action, readAction(reader, action)]),
  ) as Record<ActionName, Omit<ActionLabels, 'faults'>>;
  const update = { ...actions.update, ...readUpdate(reader) };
  const faults = [...reader.faults, ...findUnknown(raw)];
  const faultsOf = (action: ActionName) =>
    faults.filter(fault => fault.label.startsWith(`${labelPrefix}${action}.`) && !isGrantLabel(fault.label));
  return {
    update: { ...update, faults: faultsOf('update') },
    clean: { ...actions.clean, faults: faultsOf('clean') },
    backup: { ...actions.backup, faults: faultsOf('backup') },
    restore: { ...actions.restore, faults: faultsOf('restore') },
    faults,
  };
}

/** Reads single labels and keeps what is wrong with them. */
class LabelReader {
  readonly faults: LabelFault[] = [];
  readonly #raw: Readonly<Record<string, string>>;

  constructor(raw: Readonly<Record<string, string>>) {
    this.#raw = raw;
  }

  /** The label's value; undefined when it is absent or, with a fault, bad. */
  read<T>(definition: LabelDefinition<T>): T | undefined {
    const text = this.#text(definition.key);
    const value = text === undefined ? undefined : definition.value.read(text);
    if (text !== undefined && value === undefined) {
      this.fault(definition, `must be ${definition.value.expects}`);
    }
    return value;
  }

  has(definition: LabelDefinition<unknown>): boolean {
    return this.#text(definition.key) !== undefined;
  }

  fault(definition: LabelDefinition<unknown>, message: string): void {
    const value = definition.isSecret ? '[redacted]' : (this.#text(definition.key) ?? '');
    this.faults.push({ label: labelPrefix + definition.key, value, message });
  }

  #text(key: string): string | undefined {
    const label = labelPrefix + key;
    return Object.hasOwn(this.#raw, label) ? this.#raw[label] : undefined;
  }
}

function readAction(reader: LabelReader, action: ActionName): Omit<ActionLabels, 'faults'> {
  const definitions = actionLabels(action);
  return {
    isEnabled: reader.read(definitions.enable) ?? false,
    grants: providerNames.flatMap(provider => readGrant(reader, action, provider) ?? []),
    ...defined({ token: reader.read(definitions.token), timeoutMs: reader.read(definitions.timeout) }),
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

function readExec(reader: LabelReader, definitions: ReturnType<typeof execLabels>): ExecLabels | undefined {
  const script = reader.read(definitions.script);
  const shell = reader.read(definitions.shell) ?? '/bin/sh';
  const timeoutMs = reader.read(definitions.timeout);
  return script === undefined ? undefined : { script, shell, ...defined({ timeoutMs }) };
}

function findUnknown(raw: Readonly<Record<string, string>>): LabelFault[] {
  return Object.entries(raw)
    .filter(([label]) => label.startsWith(labelPrefix) && label !== helperLabel)
    .map(([label, value]) => ({ label, key: label.slice(labelPrefix.length), value }))
    .filter(({ key }) => !serviceLabelDefinitions.has(key))
    .map(({ label, key, value }) => {
      const nearest = closest(key, [...serviceLabelDefinitions.keys()]);
      const isNear = distance(key, nearest) <= Math.max(2, key.length / 4);
      return {
        label,
        value: mayBeSecret(key, nearest) ? '[redacted]' : value,
        message: isNear ? `is unknown; did you mean ${labelPrefix}${nearest}?` : 'is unknown',
      };
    });
}

/** An unknown label may be a misspelt secret one: its value is shown only when it can't be. */
function mayBeSecret(key: string, nearest: string): boolean {
  const words = key.toLowerCase().split(/[^a-z]+/);
  return (
    serviceLabelDefinitions.get(nearest)?.isSecret === true ||
    words.some(word => ['token', 'password', 'secret', 'key'].some(secret => distance(word, secret) <= 2))
  );
}

function isGrantLabel(label: string): boolean {
  const [, , provider] = label.split('.');
  const key = label.slice(labelPrefix.length);
  return providerNames.some(name => name === provider) && serviceLabelDefinitions.has(key);
}

/** The object without its undefined fields. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
