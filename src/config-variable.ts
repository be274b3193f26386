import type { z } from 'zod';
import { schemaOf } from './config-values.ts';
import type { ValueReader } from './core/label-values.ts';

/** One variable of the contract: schema, redaction and reference page are made from it. */
export interface Variable<T> {
  readonly schema: z.ZodType<T, string | undefined>;
  /** What a right value looks like. */
  readonly expects: string;
  readonly description: string;
  /** As it would be written; absent: none. */
  readonly defaultText?: string;
  /** Its value is never shown, and `<name>_FILE` may name a file that holds it. */
  readonly isSecret: boolean;
  /** The texts in a value that must never be shown. */
  readonly secretsIn: (text: string) => readonly string[];
}

/** A variable that always has a value. */
export function withDefault<T>(
  reader: ValueReader<T>,
  defaultText: string,
  description: string,
): Variable<T> {
  const schema = schemaOf(reader).prefault(defaultText);
  return { schema, expects: reader.expects, description, defaultText, isSecret: false, secretsIn: () => [] };
}

/** A variable that need not be set. */
export function optional<T>(reader: ValueReader<T>, description: string): Variable<T | undefined> {
  const schema = schemaOf(reader).optional();
  return { schema, expects: reader.expects, description, isSecret: false, secretsIn: () => [] };
}

/** A variable whose value is shown nowhere. */
export function secret<T>(
  base: z.ZodType<T, string>,
  description: string,
  secretsIn: (text: string) => readonly string[] = text => [text],
): Variable<T | undefined> {
  return { schema: base.optional(), expects: base.description ?? '', description, isSecret: true, secretsIn };
}
