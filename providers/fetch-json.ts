/** A discovery document has about 2 KiB, a key set of ten keys 8 KiB. */
const MAX_BYTES = 256 * 1024;

/**
 * Fetches a JSON document of bounded size. Redirects are refused: they could lead to anywhere.
 * @param signal bounds the time until the last byte
 * @throws {Error} for anything but a document with status 200; the message is fit for a log
 */
export async function fetchJson(fetchImpl: typeof fetch, url: URL, signal: AbortSignal): Promise<unknown> {
  const response = await fetchImpl(url, {
    redirect: 'error',
    signal,
    headers: { accept: 'application/json' },
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url.href} answered ${response.status}`);
  }
  return JSON.parse(await readText(response, url));
}

async function readText(response: Response, url: URL): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_BYTES) {
      throw new Error(`${url.href} answered more than ${MAX_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
}
