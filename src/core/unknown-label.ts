import { distance } from 'fastest-levenshtein';
import { serviceLabelDefinitions } from './label-definitions.ts';

/** What can be said of a label that is not in the contract. */
export interface UnknownLabel {
  /** The key that was meant, without `swarm-utils.`. */
  readonly meant?: string;
  /** It may be a misspelt secret one, so that its value must not be shown. */
  readonly mayBeSecret: boolean;
}

const MAX_LENGTH = 100;
const SECRET_PART = /tok|pass|pwd|secret|cred|auth|key/;
const LONG_SECRET_WORDS = ['token', 'password', 'passwd', 'secret'];

/** @param key without `swarm-utils.` */
export function judgeUnknownLabel(key: string): UnknownLabel {
  if (key.length > MAX_LENGTH) {
    return { mayBeSecret: true };
  }
  const byDistance = [...serviceLabelDefinitions.values()]
    .map(definition => ({ ...definition, typos: distance(key, definition.key) }))
    .sort((a, b) => a.typos - b.typos);
  const [nearest] = byDistance;
  const isNear = nearest !== undefined && nearest.typos <= Math.max(2, key.length / 4);
  const mayBeSecret =
    looksSecret(key) || byDistance.some(({ typos, isSecret }) => isSecret && typos === nearest?.typos);
  return { mayBeSecret, ...(isNear && { meant: nearest.key }) };
}

/** Whether a key sounds like that of a secret, also when misspelt. */
export function looksSecret(key: string): boolean {
  const text = key.toLowerCase();
  return (
    SECRET_PART.test(text) ||
    text.split(/[^a-z]+/).some(word => LONG_SECRET_WORDS.some(secret => distance(word, secret) <= 2))
  );
}
