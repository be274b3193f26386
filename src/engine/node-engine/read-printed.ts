import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { OperationError } from '../../core/errors.ts';
import type { Conversation, EngineAnswer } from './conversation.ts';
import { readHttpAnswers } from './http-answers.ts';

/** Of all answers of a conversation. Ten thousand images have room in it. */
const MAX_ANSWER_MEBIBYTES = 32;

/** What the script printed of one conversation. */
export interface PrintedPart {
  readonly exitCode: number;
  readonly tookSeconds: number;
  /** Of the first: the version of the Engine. Of the others a letter for each request. */
  readonly note: string;
  /** Base64. */
  readonly text: string;
}

/**
 * The parts that the script printed, the ping of the Engine first.
 * @param mark ends each part
 * @throws OperationError `helper_failed` for anything else
 */
export function readPrinted(
  stdout: readonly string[],
  mark: string,
): readonly [PrintedPart, ...PrintedPart[]] {
  const [ping = unreadable(), ...parts] = splitAt(stdout, mark).map(readReport);
  return [ping, ...parts];
}

/**
 * The answers of a conversation, in the order of its requests.
 * @throws OperationError `helper_failed` for what the script does not print
 */
export async function readAnswers(
  { requests }: Conversation,
  { exitCode, note: sent, text }: PrintedPart,
): Promise<readonly EngineAnswer[]> {
  if (sent.length !== requests.length) {
    return unreadable();
  }
  const count = [...sent].filter(letter => letter === 'y').length;
  const answers = count === 0 ? [] : [...readHttpAnswers(await unpack(text), count)];
  const hasLookFailed = exitCode !== 0 && count === 0;
  return requests.map((_, index) => {
    if (sent[index] !== 'y') {
      return { kind: hasLookFailed ? 'missing' : 'held_back' };
    }
    const answer = answers.shift();
    return answer === undefined ? { kind: 'missing' } : { kind: 'answer', ...answer };
  });
}

async function unpack(base64: string): Promise<Buffer> {
  const maxOutputLength = MAX_ANSWER_MEBIBYTES * 1024 * 1024;
  try {
    return await promisify(gunzip)(Buffer.from(base64, 'base64'), { maxOutputLength });
  } catch (error) {
    const isTooLong = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    const message = isTooLong
      ? `The Engine answers more than ${MAX_ANSWER_MEBIBYTES} MiB.`
      : 'What the helper printed of the answers of the Engine cannot be unpacked.';
    throw new OperationError('helper_failed', message, { cause: error });
  }
}

interface Part {
  readonly lines: readonly string[];
  /** The line that begins with the mark, without it. */
  readonly end: string;
}

/** The lines up to each line that begins with the mark. */
export function splitAt(lines: readonly string[], mark: string): readonly Part[] {
  const parts: Part[] = [];
  let start = 0;
  for (const [index, line] of lines.entries()) {
    if (line.startsWith(mark)) {
      parts.push({ lines: lines.slice(start, index), end: line.slice(mark.length) });
      start = index + 1;
    }
  }
  return parts;
}

function readReport({ lines, end }: Part): PrintedPart {
  const [, code, took, note] = /^ (\d{1,3}) (\d{1,9}) (.*)$/.exec(end) ?? unreadable();
  return { exitCode: Number(code), tookSeconds: Number(took), note: note ?? '', text: lines.join('') };
}

/** @throws OperationError `helper_failed` */
export function unreadable(): never {
  throw new OperationError('helper_failed', 'What the helper printed is not what it was to print.');
}
