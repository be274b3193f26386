import { z } from 'zod';
import { RequestError } from '../core/errors.ts';
import type { Caller } from '../core/operation.ts';

/** A label that narrows a list: `key` or `key=value`. */
export const labelField = z
  .string({ error: 'must be given once' })
  .min(1, { error: 'must be key or key=value' })
  .max(512, { error: 'is too long' });

/** A query that narrows a list by a label. */
export const labelQuery = z.strictObject({ label: labelField.optional() });

/** Whoever can ask "is it this value?" can guess it, so nobody filters by what may be a secret. */
const SECRET_KEY = /(?:token|pass|passwd|password|secret|key|users|credentials?)$/i;
/** What those who are no admin may filter by. Labels of others may hold anything. */
const OPEN_KEY = /^(?:swarm-utils\.|com\.docker\.stack\.)/;

/** @throws RequestError `malformed` when the caller can't look things up by this label */
export function checkFilter(caller: Caller, label: string, what: 'services' | 'nodes'): void {
  const [key = ''] = label.split('=', 1);
  if (SECRET_KEY.test(key) || (caller.kind !== 'admin' && !OPEN_KEY.test(key))) {
    throw new RequestError('malformed', 'The request has wrong fields.', {
      details: [`label: ${what} can not be looked up by this label`],
    });
  }
}

/** @param label `key` or `key=value` */
export function carriesLabel(labels: Readonly<Record<string, string>>, label: string): boolean {
  const [key = '', ...value] = label.split('=');
  return Object.hasOwn(labels, key) && (value.length === 0 || labels[key] === value.join('='));
}
