/**
 * A count with its noun: "1 task", "3 tasks".
 * @param noun of one; what ends in `y` after a consonant ends in `ies`
 */
export function plural(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : pluralOf(noun)}`;
}

function pluralOf(noun: string): string {
  return /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`;
}
