/** What a few measurements of one thing come to. */
export interface Summary {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Throws RangeError when there is nothing to summarize. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  return { min: quantile(sorted, 0), median: quantile(sorted, 0.5), max: quantile(sorted, 1) };
}

/**
 * The value that the share `q` (0-1) of the sorted values does not exceed, between two of them in proportion.
 * Throws RangeError when there are none.
 */
export function quantile(sorted: readonly number[], q: number): number {
  const position = (sorted.length - 1) * q;
  const [below, above] = [sorted[Math.floor(position)], sorted[Math.ceil(position)]];
  if (below === undefined || above === undefined) {
    throw new RangeError('There is no quantile of nothing.');
  }
  return below + (above - below) * (position - Math.floor(position));
}

/**
 * Each measurement over the one of the same round: what a noisy machine does to both falls out.
 * Throws RangeError when they are not as many.
 */
export function pairRatios(values: readonly number[], references: readonly number[]): readonly number[] {
  if (values.length !== references.length) {
    throw new RangeError(`${values.length} measurements have no pairs among ${references.length}.`);
  }
  return values.map((value, index) => value / (references[index] ?? Number.NaN));
}
