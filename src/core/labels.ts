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
import { isNearly, judgeUnknownLabel, looksSecret } from './unknown-label.ts';

export const labelPrefix = 'swarm-utils.';

/** Marks the helper services of this program; not for people to set. */
export const helperLabel = `${labelPrefix}helper`;

const redacted = '[redacted]';
const MAX_SHOWN_LENGTH = 200;

/** A label that is unknown or has a bad value. Never ignored: shown by the API, logged once, and see `authorize`. */
export interface LabelFault {
  /** The whole key. */
  readonly label: string;
  /** The value, cut where it is long, or `[redacted]` where it may be a secret. */
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
  /**
   * Faults under `swarm-utils.<action>.`, save those that void one grant and nothing else, and under what is no action
   * at all, or under a misspelt prefix: a label that was to limit this one may be misspelt there.
   */
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
  const unknown = findUnknown(raw);
  const voidGrants = new Set(unknown.map(({ label }) => grantOf(label)));
  const actions = Object.fromEntries(
    actionNames.map(action => [action, readAction(reader, action, voidGrants)]),
  ) as Record<ActionName, Omit<ActionLabels, 'faults'>>;
  const update = { ...actions.update, ...readUpdate(reader) };
  reader.readRest();
  const faults = [...reader.faults, ...unknown];
  const faultsOf = (action: ActionName) =>
    faults.filter(({ label }) => grantOf(label) === undefined && (actionOf(label) ?? action) === action);
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
  readonly #keysRead = new Set<string>();

  constructor(raw: Readonly<Record<string, string>>) {
    this.#raw = raw;
  }

  /** The label's value; undefined when it is absent or, with a fault, bad. */
  read<T>(definition: LabelDefinition<T>): T | undefined {
    const text = this.#text(definition.key);
    this.#keysRead.add(definition.key);
    const value = text === undefined ? undefined : definition.value.read(text);
    if (text !== undefined && value === undefined) {
      this.fault(definition, `must be ${definition.value.expects}`);
    }
    return value;
  }

  /** Reads what nobody asked for: a label whose action is not there yet may be wrong too. */
  readRest(): void {
    for (const definition of serviceLabelDefinitions.values()) {
      if (!this.#keysRead.has(definition.key)) {
        this.read(definition);
      }
    }
  }

  has(definition: LabelDefinition<unknown>): boolean {
    return this.#text(definition.key) !== undefined;
  }

  fault(definition: LabelDefinition<unknown>, message: string): void {
    // A login is no `true` or `false`, but `auth` is what Docker's config.json calls one.
    const isHidden = definition.isSecret || looksSecret(definition.key);
    const value = isHidden ? redacted : cut(this.#text(definition.key) ?? '');
    this.faults.push({ label: labelPrefix + definition.key, value, message });
  }

  #text(key: string): string | undefined {
    const label = labelPrefix + key;
    return Object.hasOwn(this.#raw, label) ? this.#raw[label] : undefined;
  }
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

function readExec(reader: LabelReader, definitions: ReturnType<typeof execLabels>): ExecLabels | undefined {
  const script = reader.read(definitions.script);
  const shell = reader.read(definitions.shell) ?? '/bin/sh';
  const timeoutMs = reader.read(definitions.timeout);
  return script === undefined ? undefined : { script, shell, ...defined({ timeoutMs }) };
}

function findUnknown(raw: Readonly<Record<string, string>>): LabelFault[] {
  return Object.entries(raw).flatMap(([label, value]) => {
    const hasPrefix = label.startsWith(labelPrefix);
    const key = hasPrefix ? label.slice(labelPrefix.length) : keyAfterNearPrefix(label);
    const isKnown = hasPrefix && (label === helperLabel || serviceLabelDefinitions.has(key ?? ''));
    if (key === undefined || isKnown) {
      return [];
    }
    const { mayBeSecret, meant = hasPrefix ? undefined : '…' } = judgeUnknownLabel(key);
    const message = meant === undefined ? 'is unknown' : `is unknown (did you mean ${labelPrefix}${meant}?)`;
    return [{ label: cut(label), value: mayBeSecret ? redacted : cut(value), message }];
  });
}

/** What follows a prefix that is nearly ours: a label that was to limit something may be misspelt there too. */
function keyAfterNearPrefix(label: string): string | undefined {
  const dot = label.indexOf('.');
  return isNearly(label.slice(0, Math.max(0, dot)), labelPrefix.slice(0, -1))
    ? label.slice(dot + 1)
    : undefined;
}

/** The grant that a label, known or not, belongs to; undefined for others. */
function grantOf(label: string): string | undefined {
  const action = actionOf(label);
  const [, , segment] = label.split('.', 3);
  const provider = providerNames.find(name => name === segment);
  return action && provider && grantKey(action, provider);
}

function actionOf(label: string): ActionName | undefined {
  const [prefix, segment] = label.split('.', 2);
  if (`${prefix}.` !== labelPrefix) {
    return undefined;
  }
  return actionNames.find(name => name === segment);
}

function grantKey(action: ActionName, provider: ProviderName): string {
  return `${action}.${provider}`;
}

function cut(text: string): string {
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}

/** The object without its undefined fields. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
