/**
 * Gives work a time to end in. Work that goes on is not waited for any more; what becomes of it is not looked at.
 * @param timeoutMs milliseconds
 * @param tooLate what it rejects with when the time is over
 */
export async function endInTime<T>(work: Promise<T>, timeoutMs: number, tooLate: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooLate()), timeoutMs);
  });
  try {
    return await Promise.race([work, end]);
  } finally {
    clearTimeout(timer);
  }
}
