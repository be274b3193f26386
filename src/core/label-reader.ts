import type { LabelDefinition } from './label-definitions.ts';
import { type ActionName, actionNames } from './operation.ts';
import { isNearly, judgeUnknownLabel, type LabelDefinitions, looksSecret } from './unknown-label.ts';

export const labelPrefix = 'swarm-utils.';

/** Marks the helper services of this program and their containers; not for people to set. */
export const helperLabel = `${labelPrefix}helper`;

const redacted = '[redacted]';
const MAX_SHOWN_LENGTH = 200;

export type RawLabels = Readonly<Record<string, string>>;

/** A label that is unknown or has a bad value. Never ignored: shown by the API, logged once, and see `authorize`. */
export interface LabelFault {
  /** The whole key. */
  readonly label: string;
  /** The value, cut where it is long, or `[redacted]` where it may be a secret. */
  readonly value: string;
  readonly message: string;
}

/** Reads single labels and keeps what is wrong with them. */
export class LabelReader {
  readonly faults: LabelFault[] = [];
  readonly #raw: RawLabels;
  readonly #definitions: LabelDefinitions;
  readonly #keysRead = new Set<string>();

  /** @param definitions every label that there may be, by its key without the prefix */
  constructor(raw: RawLabels, definitions: LabelDefinitions) {
    this.#raw = raw;
    this.#definitions = definitions;
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
    for (const definition of this.#definitions.values()) {
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

/** The labels under our prefix, or one that is nearly ours, that nobody defined. */
export function findUnknown(raw: RawLabels, definitions: LabelDefinitions): LabelFault[] {
  return Object.entries(raw).flatMap(([label, value]) => {
    const hasPrefix = label.startsWith(labelPrefix);
    const key = hasPrefix ? label.slice(labelPrefix.length) : keyAfterNearPrefix(label);
    const isKnown = hasPrefix && (label === helperLabel || definitions.has(key ?? ''));
    if (key === undefined || isKnown) {
      return [];
    }
    const { mayBeSecret, meant = hasPrefix ? undefined : '…' } = judgeUnknownLabel(key, definitions);
    const message = meant === undefined ? 'is unknown' : `is unknown (did you mean ${labelPrefix}${meant}?)`;
    return [{ label: cut(label), value: mayBeSecret ? redacted : cut(value), message }];
  });
}

/** The action that a label, known or not, belongs to; undefined for others. */
export function actionOf(label: string): ActionName | undefined {
  const [prefix, segment] = label.split('.', 2);
  if (`${prefix}.` !== labelPrefix) {
    return undefined;
  }
  return actionNames.find(name => name === segment);
}

/** What follows a prefix that is nearly ours: a label that was to limit something may be misspelt there too. */
function keyAfterNearPrefix(label: string): string | undefined {
  const dot = label.indexOf('.');
  return isNearly(label.slice(0, Math.max(0, dot)), labelPrefix.slice(0, -1))
    ? label.slice(dot + 1)
    : undefined;
}

function cut(text: string): string {
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}

/** The object without its undefined fields. */
export function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
