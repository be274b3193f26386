import { z } from 'zod';
import { RequestError } from '../core/errors.ts';
import { type ImageReference, parseImageReference } from '../core/image-reference.ts';

const MAX_DETAILS = 20;
const MAX_SERVICE_NAME = 63;
// What swarmkit takes for the name of a service, and the dots that older versions took.
const SERVICE_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const MAX_NODE_NAME = 253;
const NODE_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const MAX_VOLUME_NAME = 255;
// Docker's own rule for the names of local volumes.
const VOLUME_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const MAX_BACKUP_NAME = 255;
const BACKUP_NAME = /^[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9_.-]*$/;
const FIELD_NAME = /^(?:[A-Za-z][A-Za-z0-9_]{0,23}|[0-9]{1,4})$/;

/** The exact name of a service. Whether it exists is another question. */
export const serviceNameField = z
  .string({ error: issue => (issue.input === undefined ? 'is required' : 'must be a string') })
  .refine(name => name.length <= MAX_SERVICE_NAME && SERVICE_NAME.test(name), {
    error: `must be the name of a service: 1 to ${MAX_SERVICE_NAME} of A-Z, a-z, 0-9, "_", "-" and "."`,
  });

/** The exact host name of a node. Whether it exists is another question. */
export const nodeNameField = z
  .string({ error: issue => (issue.input === undefined ? 'is required' : 'must be a string') })
  .refine(name => name.length <= MAX_NODE_NAME && NODE_NAME.test(name), {
    error: `must be the host name or the id of a node: 1 to ${MAX_NODE_NAME} of A-Z, a-z, 0-9, "_", "-" and "."`,
  });

/** The exact name of a volume. Whether the service has it is another question. */
export const volumeField = z
  .string({ error: 'must be a string' })
  .refine(name => name.length <= MAX_VOLUME_NAME && VOLUME_NAME.test(name), {
    error: `must be the name of a volume: 1 to ${MAX_VOLUME_NAME} of A-Z, a-z, 0-9, "_", "-" and "."`,
  });

/** The id of a backup, or the name of an archive or a snapshot: never anything that a path could be made of. */
export const backupField = z
  .string({ error: 'must be a string' })
  .refine(name => name.length <= MAX_BACKUP_NAME && BACKUP_NAME.test(name), {
    error: 'must be the id of a backup, or the name of an archive or snapshot, as GET /api/backups shows it',
  });

/** `true` or `false`; as a string too, since a shell's variable in quotes becomes one. */
export const booleanField = z
  .union([z.boolean(), z.literal(['true', 'false'])], { error: 'must be true or false' })
  .transform(value => value === true || value === 'true');

/** An image reference, parsed. An empty string is a mistake, not "none": a pipeline's variable was not set. */
export const imageField = z
  .string({ error: 'must be a string' })
  .transform((text, context): ImageReference => {
    const image = parseImageReference(text);
    if (image === undefined) {
      context.issues.push({ code: 'custom', message: 'must be an image reference', input: text });
      return z.NEVER;
    }
    return image;
  });

/** A credential in the body, as the seed has it. */
export const tokenField = z.string({ error: 'must be a string' });

/** A whole number in a query. */
export function countField(max: number, fallback: number) {
  return z
    .string({ error: 'must be given once' })
    .regex(/^[0-9]{1,9}$/, { error: 'must be a number' })
    .transform(Number)
    .refine(count => count >= 1 && count <= max, { error: `must be from 1 to ${max}` })
    .default(fallback);
}

/**
 * Checks a body or a query against its schema.
 * @throws RequestError `malformed`, whose details name every wrong field
 */
export function readFields<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) {
    return result.data;
  }
  const details = result.error.issues.flatMap(describe);
  throw new RequestError('malformed', 'The request has wrong fields.', {
    details: details.slice(0, MAX_DETAILS),
  });
}

function describe(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => `${[...issue.path, key].map(showName).join('.')}: is unknown`);
  }
  if (issue.path.length === 0) {
    return ['The body must be a JSON object.'];
  }
  return [`${issue.path.map(showName).join('.')}: ${issue.message}`];
}

/** Names of fields come from the caller, who may have mixed up name and value: only what looks like a name is repeated. */
function showName(name: PropertyKey): string {
  const text = String(name);
  return FIELD_NAME.test(text) ? text : '(no name of a field)';
}
