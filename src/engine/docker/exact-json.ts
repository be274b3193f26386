// JSON.parse with the source of each number, and JSON.rawJSON to write it: https://github.com/tc39/proposal-json-parse-with-source
// Node has both from 22 on; TypeScript knows neither.
interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}
const json = JSON as unknown as JsonWithSource;

/**
 * Parses JSON so that `JSON.stringify` writes every number again digit by digit. A number that JavaScript would write in
 * another way (beyond 2^53, `1.0`, `1e3`) becomes an object that stands for its text.
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  return json.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && source !== String(value)
      ? json.rawJSON(source)
      : value,
  );
}

/** @param value a whole number of what `parseExactly` answers; undefined counts as 0 */
export function plusOne(value: unknown): object {
  const text = json.isRawJSON(value) ? value.rawJSON : String(value ?? 0);
  const whole = /^\d+$/.test(text) ? BigInt(text) : BigInt(Math.trunc(Number(text)));
  return json.rawJSON(String(whole + 1n));
}
