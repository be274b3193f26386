import { z } from 'zod';
import { isGithubOwner, isGithubRepository, isGitlabProject, isRefName } from './names.ts';
import { ProviderError, type ProviderErrorCode } from './provider.ts';

/** Control characters, lone surrogates, line and direction marks: what has no place in a name that people read. */
const UNSEEN = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** Text for names, one line of at most so many characters. */
export const text = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .refine(value => !UNSEEN.test(value));

/** An immutable id: digits as text or a whole number, read as text. */
export const decimalId = z
  .union([z.string().regex(/^[1-9][0-9]{0,18}$/), z.number().int().positive().max(Number.MAX_SAFE_INTEGER)])
  .transform(String);

/** A name of an event or of what started a pipeline. */
export const eventName = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/);
export const githubOwner = z.string().refine(isGithubOwner);
export const githubRepository = z.string().refine(isGithubRepository);
export const gitlabProject = z.string().refine(isGitlabProject);
/** A branch or tag, without `refs/…`. */
export const refName = z.string().refine(isRefName);
/** Any ref in its full form. */
export const gitRef = z.string().startsWith('refs/').refine(isRefName);
export const commit = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);

/** A field that may be left out, `null` or empty, all of which mean that there is none. */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess(value => (value === null || value === '' ? undefined : value), schema.optional());

/**
 * Reads the fields that a schema names and nothing else.
 * @throws {ProviderError} with that code; the message names the fields that are missing or odd, never their values
 */
export function read<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  code: ProviderErrorCode,
  what: string,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (!result.success) {
    const fields = new Set(result.error.issues.map(issue => issue.path.join('.') || '(everything)'));
    throw new ProviderError(code, `${what}: missing or odd: ${[...fields].join(', ')}`);
  }
  return result.data;
}

/** Whether there are fields to be read. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Present<T> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Leaves out what is undefined: what is absent has no key. */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}
