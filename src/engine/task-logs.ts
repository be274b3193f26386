const HEADER_LENGTH = 8;

/** What the Engine puts before each entry when asked for timestamps. */
const TIMESTAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z /;

/**
 * Reads the Engine's log stream: frames of a header (one byte for the stream, three zero bytes, four for the length)
 * and a payload, or plain text where the container has a terminal. Timestamps are taken out; by them the entries of
 * standard output and error, which the Engine reads one after the other, come into the order they were printed in.
 * @see https://docs.docker.com/reference/api/engine/ "Stream format" of ContainerAttach
 * @returns the lines
 */
export function readLogLines(stream: Buffer): readonly string[] {
  const text = isFramed(stream) ? readFrames(stream) : stream.toString('utf8');
  return text
    .split('\n')
    .map(line => line.replace(/\r$/, '').replace(TIMESTAMP, ''))
    .filter((line, index, lines) => line !== '' || index < lines.length - 1);
}

function isFramed(stream: Buffer): boolean {
  return stream.length >= HEADER_LENGTH && (stream[0] ?? 3) <= 2 && stream.readUIntBE(1, 3) === 0;
}

function readFrames(stream: Buffer): string {
  const entries: { readonly time: string; readonly payload: Buffer }[] = [];
  let offset = 0;
  while (offset + HEADER_LENGTH <= stream.length) {
    const length = stream.readUInt32BE(offset + 4);
    entries.push(readEntry(stream.subarray(offset + HEADER_LENGTH, offset + HEADER_LENGTH + length)));
    offset += HEADER_LENGTH + length;
  }
  entries.sort((a, b) => (a.time < b.time ? -1 : Number(a.time > b.time)));
  return Buffer.concat(entries.map(({ payload }) => payload)).toString('utf8');
}

/** One frame is one entry. Its time is made to compare as text; without one, it stays where it is. */
function readEntry(frame: Buffer): { readonly time: string; readonly payload: Buffer } {
  const [prefix = '', seconds = '', fraction = '.'] = TIMESTAMP.exec(frame.toString('latin1', 0, 40)) ?? [];
  return { time: seconds + fraction.padEnd(10, '0'), payload: frame.subarray(prefix.length) };
}
