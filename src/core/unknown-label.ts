import { distance } from 'fastest-levenshtein';
import type { LabelDefinition } from './label-definitions.ts';

export type LabelDefinitions = ReadonlyMap<string, LabelDefinition<unknown>>;

/** What can be said of a label that is not in the contract. */
export interface UnknownLabel {
  /** The key that was meant, without `swarm-utils.`. */
  readonly meant?: string;
  /** It may be a misspelt secret one, so that its value must not be shown. */
  readonly mayBeSecret: boolean;
}

const MAX_LENGTH = 100;
const MAX_SLIPS = 2;
const SECRET_PART = /tok|pass|pw|secret|cred|auth|key|login|bearer|hook|cert|private/;
/** Too short to be looked for within other words: `path`, `pattern` … */
const SECRET_WORD = /(?<![a-z])pats?(?![a-z])/;
const LONG_SECRET_WORDS = ['token', 'password', 'passwd', 'secret'];

/**
 * @param key without `swarm-utils.`
 * @param definitions the labels that it may have been meant to be
 */
export function judgeUnknownLabel(key: string, definitions: LabelDefinitions): UnknownLabel {
  if (key.length > MAX_LENGTH) {
    return { mayBeSecret: true };
  }
  const byDistance = [...definitions.values()]
    .map(definition => ({ ...definition, typos: distance(key, definition.key) }))
    .sort((a, b) => a.typos - b.typos);
  const [nearest] = byDistance;
  const isNear = nearest !== undefined && nearest.typos <= Math.max(2, key.length / 4);
  const mayBeSecret =
    looksSecret(key) || byDistance.some(({ typos, isSecret }) => isSecret && typos === nearest?.typos);
  return { mayBeSecret, ...(isNear && { meant: nearest.key }) };
}

/** Whether a text is another one but for its case or two slips. */
export function isNearly(text: string, meant: string): boolean {
  return text.length <= meant.length + MAX_SLIPS && distance(text.toLowerCase(), meant) <= MAX_SLIPS;
}

/** Whether a key sounds like that of a secret, also when misspelt. */
export function looksSecret(key: string): boolean {
  const text = key.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
  return (
    SECRET_PART.test(text) ||
    SECRET_WORD.test(text) ||
    text.split(/[^a-z]+/).some(word => LONG_SECRET_WORDS.some(secret => distance(word, secret) <= 2))
  );
}
