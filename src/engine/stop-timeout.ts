/** What a busy node needs to clear a container away and to say so, milliseconds. */
const MARGIN_MS = 10_000;
/** The longest time-out that a label can give. */
const MAX_TIMEOUT_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * How long to wait for the end of tasks, milliseconds: as long at least as each of them gets to end by itself.
 * @param timeoutMs what labels and environment give
 * @param stopped tasks, or services for tasks that they have or will have
 */
export function stopTimeoutMs(
  timeoutMs: number,
  stopped: readonly { readonly stopGraceMs: number }[],
): number {
  const graceMs = Math.max(0, ...stopped.map(each => Math.min(each.stopGraceMs, MAX_TIMEOUT_MS)));
  return Math.max(timeoutMs, graceMs + MARGIN_MS);
}
