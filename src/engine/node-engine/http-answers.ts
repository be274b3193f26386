/** An answer of an Engine. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Longest head of an answer, bytes. An Engine's has about 300. */
const MAX_HEAD_BYTES = 16 * 1024;
const HEAD_END = '\r\n\r\n';
const LINE_END = '\r\n';
/** What a length may be: a number that stays exact. */
const DECIMAL = /^\d{1,12}$/;
const HEXADECIMAL = /^[0-9a-f]{1,10}$/i;
const WITHOUT_BODY = new Set([204, 304]);

/**
 * Reads HTTP/1.1 answers that came one behind the other over one connection. None may be the answer to a HEAD.
 * @param count how many requests were sent; what comes after so many answers is not looked at
 * @returns the answers in their order, up to the first that is cut off or is not HTTP as an Engine speaks it
 * @see https://www.rfc-editor.org/rfc/rfc9112
 */
export function readHttpAnswers(bytes: Buffer, count: number): readonly HttpAnswer[] {
  const answers: HttpAnswer[] = [];
  let offset = 0;
  while (answers.length < count) {
    const read = readAnswer(bytes, offset);
    if (read === undefined) {
      break;
    }
    answers.push(read.answer);
    offset = read.end;
  }
  return answers;
}

interface Read<T> {
  readonly answer: T;
  /** Where what follows begins. */
  readonly end: number;
}

function readAnswer(bytes: Buffer, start: number): Read<HttpAnswer> | undefined {
  const headEnd = bytes.subarray(start, start + MAX_HEAD_BYTES).indexOf(HEAD_END);
  if (headEnd < 0) {
    return undefined;
  }
  const [statusLine = '', ...fields] = bytes.toString('latin1', start, start + headEnd).split(LINE_END);
  const status = Number(/^HTTP\/1\.1 ([2-5]\d\d)(?: |$)/.exec(statusLine)?.[1]);
  const headers = readHeaders(fields);
  if (Number.isNaN(status) || headers === undefined) {
    return undefined;
  }
  const body = readBody(bytes, start + headEnd + HEAD_END.length, status, headers);
  return body && { answer: { status, body: body.answer }, end: body.end };
}

/** By their names in lower case; undefined where a line is none, or a name that counts comes twice. */
function readHeaders(fields: readonly string[]): ReadonlyMap<string, string> | undefined {
  const headers = new Map<string, string>();
  for (const field of fields) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/.exec(field) ?? [];
    if (name === undefined || value === undefined) {
      return undefined;
    }
    const key = name.toLowerCase();
    if (headers.has(key) && (key === 'content-length' || key === 'transfer-encoding')) {
      return undefined;
    }
    headers.set(key, value);
  }
  return headers;
}

function readBody(
  bytes: Buffer,
  start: number,
  status: number,
  headers: ReadonlyMap<string, string>,
): Read<Buffer> | undefined {
  const length = headers.get('content-length');
  const encoding = headers.get('transfer-encoding');
  if (WITHOUT_BODY.has(status)) {
    return { answer: Buffer.alloc(0), end: start };
  }
  if (length !== undefined && encoding !== undefined) {
    return undefined;
  }
  if (encoding !== undefined) {
    return encoding.toLowerCase() === 'chunked' ? readChunks(bytes, start) : undefined;
  }
  if (length !== undefined) {
    const end = DECIMAL.test(length) ? start + Number(length) : Number.NaN;
    return end <= bytes.length ? { answer: bytes.subarray(start, end), end } : undefined;
  }
  // Go's server ends the connection after what it cannot read as a request.
  return headers.get('connection')?.toLowerCase() === 'close'
    ? { answer: bytes.subarray(start), end: bytes.length }
    : undefined;
}

function readChunks(bytes: Buffer, start: number): Read<Buffer> | undefined {
  const chunks: Buffer[] = [];
  let offset = start;
  for (;;) {
    const lineEnd = bytes.indexOf(LINE_END, offset);
    const digits = lineEnd < 0 ? '' : bytes.toString('latin1', offset, Math.min(lineEnd, offset + 11));
    if (!HEXADECIMAL.test(digits)) {
      return undefined;
    }
    const size = Number.parseInt(digits, 16);
    const from = lineEnd + LINE_END.length;
    const to = from + size;
    // After the last chunk an Engine sends no trailers.
    if (bytes.toString('latin1', to, to + LINE_END.length) !== LINE_END) {
      return undefined;
    }
    offset = to + LINE_END.length;
    if (size === 0) {
      return { answer: Buffer.concat(chunks), end: offset };
    }
    chunks.push(bytes.subarray(from, to));
  }
}
