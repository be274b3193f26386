const REPLACEMENT = '[redacted]';
/** Shorter texts are no secrets worth the name, and would be found in innocent words. */
const MIN_LENGTH = 6;

/**
 * Makes the function that every text passes through before anyone sees it.
 * @returns replaces each known secret of at least 6 characters by `[redacted]`, as it is and as JSON, URLs and base64
 *   write it, also in the middle of a longer base64 text
 */
export function createRedactor(secretValues: readonly string[]): (text: string) => string {
  const forms = new Set(secretValues.filter(value => value.length >= MIN_LENGTH).flatMap(formsOf));
  if (forms.size === 0) {
    return text => text;
  }
  // Of two secrets, one within the other, the longer one must go as a whole.
  const longestFirst = [...forms].sort((left, right) => right.length - left.length);
  const pattern = new RegExp(longestFirst.map(escapeForPattern).join('|'), 'g');
  return text => text.replace(pattern, REPLACEMENT);
}

function formsOf(secret: string): readonly string[] {
  const base64 = base64FormsOf(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    encodeURIComponent(secret).replaceAll('%20', '+'),
    ...base64,
    ...base64.map(form => form.replaceAll('+', '-').replaceAll('/', '_')),
    ...base64.map(encodeURIComponent),
  ].filter(form => form.length >= MIN_LENGTH);
}

/**
 * The base64 of a secret depends on how many bytes stand before it (modulo 3), as in `user:password`. Returned is for
 * each of the three the part that depends on the secret alone.
 */
function base64FormsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, 'utf8');
  return [0, 1, 2].map(before => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '');
    // A character is 6 bits: the first ones hold bits of what is before, the last one of what comes after.
    const isCut = (before + bytes.length) % 3 !== 0;
    return text.slice(Math.ceil((before * 8) / 6), isCut ? -1 : undefined);
  });
}

function escapeForPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
