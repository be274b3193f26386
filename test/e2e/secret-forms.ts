/**
 * Looks for secrets in a text: as they are and as JSON, URLs, base64 (also in the middle of something longer) and hex
 * write them.
 * @returns the names of those that are there
 */
export function findSecrets(text: string, secrets: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(secrets)
    .filter(([, secret]) => formsOf(secret).some(form => text.includes(form)))
    .map(([name]) => name);
}

function formsOf(secret: string): readonly string[] {
  const hex = Buffer.from(secret).toString('hex');
  const base64 = base64FormsOf(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    encodeURIComponent(secret).replaceAll('%20', '+'),
    hex,
    hex.toUpperCase(),
    ...base64,
    ...base64.map(form => form.replaceAll('+', '-').replaceAll('/', '_')),
    ...base64.map(encodeURIComponent),
  ];
}

/** What is the same of a secret's base64 whatever stands before and after it, for each of the three ways to be split. */
function base64FormsOf(secret: string): readonly string[] {
  return [0, 1, 2].map(before => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)]);
    const whole = bytes.subarray(before === 0 ? 0 : 3, bytes.length - (bytes.length % 3));
    return whole.toString('base64');
  });
}
