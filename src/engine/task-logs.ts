const HEADER_LENGTH = 8;

/**
 * Reads the Engine's log stream: frames of a header (one byte for the stream, three zero bytes, four for the length)
 * and a payload, or plain text where the container has a terminal.
 * @see https://docs.docker.com/reference/api/engine/ "Stream format" of ContainerAttach
 * @returns the lines
 */
export function readLogLines(stream: Buffer): readonly string[] {
  const text = isFramed(stream) ? readFrames(stream) : stream.toString('utf8');
  return text
    .split('\n')
    .map(line => line.replace(/\r$/, ''))
    .filter((line, index, lines) => line !== '' || index < lines.length - 1);
}

function isFramed(stream: Buffer): boolean {
  return stream.length >= HEADER_LENGTH && (stream[0] ?? 3) <= 2 && stream.readUIntBE(1, 3) === 0;
}

function readFrames(stream: Buffer): string {
  const payloads: Buffer[] = [];
  let offset = 0;
  while (offset + HEADER_LENGTH <= stream.length) {
    const length = stream.readUInt32BE(offset + 4);
    payloads.push(stream.subarray(offset + HEADER_LENGTH, offset + HEADER_LENGTH + length));
    offset += HEADER_LENGTH + length;
  }
  return Buffer.concat(payloads).toString('utf8');
}
