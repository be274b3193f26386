import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import {
  chooseApiVersion,
  newestKnownApiVersion,
  oldestUsableApiVersion,
  readApiVersion,
} from '../../core/engine-api-version.ts';
import { OperationError } from '../../core/errors.ts';
import type { HelperReport, TaskReport } from '../../core/helper.ts';
import { showable } from '../../core/outside-text.ts';
import { describeEnd } from '../backup/helper-output.ts';
import type { HelperOutcome } from '../run-helper.ts';
import { runDockerCommand } from '../steps/docker-command.ts';
import type { EngineWorld } from '../steps/step-executor.ts';
import type { Node } from '../swarm.ts';
import { type HttpAnswer, readHttpAnswers } from './http-answers.ts';
import { askScript } from './script.ts';

/** A request to the Engine of a node. */
export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** After the version: `/images/json?all=1`. What in it is a value is percent-encoded. */
  readonly path: string;
  /** It is only sent if what the Engine answers to a GET just before has a line that matches. */
  readonly onlyIf?: {
    readonly path: string;
    /** A basic regular expression of POSIX. */
    readonly pattern: string;
  };
}

/** Requests that an Engine answers one after the other, over one connection. */
export interface Conversation {
  readonly requests: readonly EngineRequest[];
  /** For all of them together, milliseconds. */
  readonly timeoutMs: number;
}

export type EngineAnswer =
  | ({ readonly kind: 'answer' } & HttpAnswer)
  /** Its `onlyIf` did not hold, so it was not sent. */
  | { readonly kind: 'held_back' }
  /** None came, or none that can be read. What became of the request is not known. */
  | { readonly kind: 'missing' };

/** What a conversation came to. */
export interface Exchange {
  /** The answers in the order of the requests. */
  readonly answers: readonly EngineAnswer[];
  /** It was ended for taking longer than this. */
  readonly timedOutAfterMs?: number;
  /** Exit code of the Docker CLI that carried it. */
  readonly exitCode: number;
  /** What the Docker CLI said, as it may be shown. */
  readonly stderr: readonly string[];
  /** Host name. */
  readonly nodeName: string;
  /** The newest version of the API that its Engine speaks. */
  readonly apiVersion: string;
  /** The helper that carried it. */
  readonly helper: { readonly name: string; readonly task: TaskReport };
}

/** A helper did not come to its end, or the Engine did not answer what was asked of it. */
export class EngineAskFailure extends Error {
  override readonly name = 'EngineAskFailure';
  readonly outcome: HelperOutcome;

  constructor(outcome: HelperOutcome) {
    super(outcome.message ?? 'The helper failed.');
    this.outcome = outcome;
  }
}

/** What the arguments of one helper take at most: the swarm stores them with its service and its task. */
const MAX_ARGUMENTS_BYTES = 256 * 1024;
/** For the ping of the Engine, seconds: it does nothing for it. */
const PATIENCE_SECONDS = 10;
/** For the shell itself. */
const EXTRA_TIMEOUT_MS = 10_000;
const LOG_LINES = 100;
/** `timeout -s KILL`. */
const KILLED = 137;
/** Of all answers of a conversation. Ten thousand images have room in it. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
/** No space and no control character: a request is one line. */
const PATH = /^\/[!-~]*$/;

/**
 * Asks the Engine of a node, in a helper there: at the newest version of its API that both sides know. One helper carries
 * all conversations, in their order, whatever becomes of the one before; or several do, where they are very many.
 * @param options.nameOf the name of each helper, by its number; made by `helperName`
 * @returns what each conversation came to, in the same order
 * @throws EngineAskFailure when a helper did not come to its end, or the Engine says no version
 * @throws OperationError `helper_busy`; `helper_failed` when what the helper printed can not be read, and for an Engine
 *   whose version is not one to speak with
 * @throws SwarmError
 */
export async function askEngine(
  world: EngineWorld,
  node: Pick<Node, 'id' | 'hostname'>,
  options: { readonly nameOf: (index: number) => string },
  conversations: readonly Conversation[],
): Promise<readonly Exchange[]> {
  const exchanges: Exchange[] = [];
  for (const [index, group] of groupByLength(conversations).entries()) {
    exchanges.push(...(await askGroup(world, node, options.nameOf(index), group)));
  }
  return exchanges;
}

/** The helpers that carried these, with what the CLI said on standard error, and how the first failure ended. */
export function reportHelpers(exchanges: readonly Exchange[]): HelperReport | undefined {
  const tasks = new Map<string, TaskReport & { readonly exitCode: number }>();
  for (const { helper, stderr, exitCode } of exchanges) {
    const task = tasks.get(helper.name) ?? { ...helper.task, logs: [], exitCode: 0 };
    const logs = [...task.logs, ...stderr].slice(-LOG_LINES);
    tasks.set(helper.name, { ...task, logs, exitCode: task.exitCode === 0 ? exitCode : task.exitCode });
  }
  return tasks.size === 0 ? undefined : { name: [...tasks.keys()].join(', '), tasks: [...tasks.values()] };
}

async function askGroup(
  world: EngineWorld,
  { id: nodeId, hostname: nodeName }: Pick<Node, 'id' | 'hostname'>,
  name: string,
  conversations: readonly Conversation[],
): Promise<readonly Exchange[]> {
  // Nothing that a node prints can be taken for a mark that nothing else knows.
  const mark = randomUUID();
  const { output, ...outcome } = await runDockerCommand(world, {
    name,
    nodeId,
    command: [
      ...['/bin/sh', '-euc', askScript, 'sh', mark],
      ...[oldestUsableApiVersion, newestKnownApiVersion, `${PATIENCE_SECONDS}`],
      ...conversations.flatMap(argumentsOf),
    ],
    timeoutMs: conversations.reduce(
      (sum, conversation) => sum + (hasLooks(conversation) ? 2 : 1) * secondsOf(conversation) * 1000,
      PATIENCE_SECONDS * 1000 + EXTRA_TIMEOUT_MS,
    ),
    printsData: true,
  });
  const [task] = outcome.report.tasks;
  if (outcome.status !== 'succeeded' || output === undefined || task === undefined) {
    throw new EngineAskFailure({ ...outcome, message: describeEnd(outcome) });
  }
  const stderr = splitAt(output.stderr, mark).map(({ lines }) =>
    lines.map(line => showable(line, world.redact)),
  );
  const [ping = unreadable(), ...parts] = splitAt(output.stdout, mark).map(readReport);
  const apiVersion = readVersion(nodeName, ping.note, stderr[0] ?? [], outcome);
  const helper = { name: outcome.report.name, task };
  return Promise.all(
    conversations.map(async (conversation, index) => {
      const { exitCode, tookSeconds, note, text } = parts[index] ?? unreadable();
      const isLate = exitCode === KILLED && tookSeconds >= secondsOf(conversation) - 1;
      return {
        exitCode,
        answers: await readAnswers(conversation, { exitCode, sent: note, text }),
        stderr: stderr[index + 1] ?? [],
        nodeName,
        apiVersion,
        helper,
        ...(isLate && { timedOutAfterMs: conversation.timeoutMs }),
      };
    }),
  );
}

function argumentsOf(conversation: Conversation): readonly string[] {
  const { requests } = conversation;
  const looks = looksOf(conversation);
  if (![...looks, ...requests.map(({ path }) => path)].every(path => PATH.test(path))) {
    throw new TypeError('A path has a character that is not percent-encoded.');
  }
  return [
    ...[`${secondsOf(conversation)}`, `${looks.length}`, ...looks, `${requests.length}`],
    ...requests.flatMap(({ method, path, onlyIf }) => [method, path, onlyIf?.pattern ?? '']),
  ];
}

/** Each path once. */
function looksOf({ requests }: Conversation): readonly string[] {
  return [...new Set(requests.flatMap(({ onlyIf }) => (onlyIf === undefined ? [] : [onlyIf.path])))];
}

function hasLooks({ requests }: Conversation): boolean {
  return requests.some(({ onlyIf }) => onlyIf !== undefined);
}

function secondsOf({ timeoutMs }: Conversation): number {
  return Math.ceil(timeoutMs / 1000);
}

interface Part {
  readonly lines: readonly string[];
  /** The line that begins with the mark, without it. */
  readonly end: string;
}

/** The lines up to each line that begins with the mark. */
function splitAt(lines: readonly string[], mark: string): readonly Part[] {
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

function readReport({ lines, end }: Part) {
  const [, code, took, note] = /^ (\d{1,3}) (\d{1,9}) (.*)$/.exec(end) ?? unreadable();
  return { exitCode: Number(code), tookSeconds: Number(took), note: note ?? '', text: lines.join('') };
}

function unreadable(): never {
  throw new OperationError('helper_failed', 'What the helper printed is not what it was to print.');
}

function readVersion(
  nodeName: string,
  said: string,
  stderr: readonly string[],
  outcome: HelperOutcome,
): string {
  const newest = readApiVersion(said);
  if (newest === undefined) {
    const words = stderr.at(-1);
    const message = `The Engine of ${nodeName} does not answer.${words === undefined ? '' : ` The Docker CLI says: ${words}`}`;
    throw new EngineAskFailure({ ...outcome, status: 'failed', message });
  }
  if (chooseApiVersion({ newest }).support === 'too_old') {
    const message =
      `The Engine of ${nodeName} speaks its API up to version ${newest}; ${oldestUsableApiVersion} (Docker 20.10) is the ` +
      'oldest that will do. Update Docker on that node.';
    throw new OperationError('helper_failed', message);
  }
  return newest;
}

async function readAnswers(
  { requests }: Conversation,
  { exitCode, sent, text }: { readonly exitCode: number; readonly sent: string; readonly text: string },
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
  try {
    return await promisify(gunzip)(Buffer.from(base64, 'base64'), { maxOutputLength: MAX_ANSWER_BYTES });
  } catch (error) {
    const message = 'What the helper printed of the answers of the Engine can not be unpacked.';
    throw new OperationError('helper_failed', message, { cause: error });
  }
}

function groupByLength(conversations: readonly Conversation[]): readonly (readonly Conversation[])[] {
  const groups: Conversation[][] = [];
  let room = 0;
  for (const conversation of conversations) {
    const length = argumentsOf(conversation).reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
    if (length > room || groups.length === 0) {
      groups.push([]);
      room = MAX_ARGUMENTS_BYTES;
    }
    groups.at(-1)?.push(conversation);
    room -= length;
  }
  return groups;
}
