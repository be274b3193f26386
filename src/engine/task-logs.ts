import type { TaskOutput } from './swarm.ts';

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

/**
 * Reads the same stream, without timestamps, as what a program printed for other programs.
 * @returns undefined when the swarm says in it that something is missing
 * @see github.com/moby/moby, pkg/stdcopy: the fourth kind of frame is an error of the Engine's
 */
export function readOutput(stream: Buffer): TaskOutput | undefined {
  const texts: [string, string, string, string] = ['', '', '', ''];
  let offset = 0;
  while (offset + HEADER_LENGTH <= stream.length) {
    const kind = stream[offset] ?? -1;
    const end = offset + HEADER_LENGTH + stream.readUInt32BE(offset + 4);
    if (kind > 2 || end > stream.length) {
      return undefined;
    }
    // One byte is one character, so that none is torn apart between two frames.
    texts[kind] += stream.toString('latin1', offset + HEADER_LENGTH, end);
    offset = end;
  }
  return offset < stream.length ? undefined : { stdout: linesOf(texts[1]), stderr: linesOf(texts[2]) };
}

function linesOf(latin1: string): readonly string[] {
  return Buffer.from(latin1, 'latin1')
    .toString('utf8')
    .split('\n')
    .filter(line => line !== '');
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
