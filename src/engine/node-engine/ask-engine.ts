import { randomUUID } from 'node:crypto';
import {
  chooseApiVersion,
  newestKnownApiVersion,
  oldestUsableApiVersion,
  readApiVersion,
} from '../../core/engine-api-version.ts';
import { OperationError } from '../../core/errors.ts';
import { showable } from '../../core/outside-text.ts';
import { describeEnd } from '../backup/helper-output.ts';
import type { HelperOutcome } from '../run-helper.ts';
import { runDockerCommand } from '../steps/docker-command.ts';
import type { EngineWorld } from '../steps/step-executor.ts';
import type { Node } from '../swarm.ts';
import { type Conversation, EngineAskFailure, type Exchange } from './conversation.ts';
import { readAnswers, readPrinted, splitAt, unreadable } from './read-printed.ts';
import { askScript } from './script.ts';

/** What the arguments of one helper take at most: the swarm stores them with its service and its task. */
const MAX_ARGUMENTS_BYTES = 256 * 1024;
/** For the ping of the Engine, seconds: it does nothing for it. */
const PATIENCE_SECONDS = 10;
/** For the shell itself. */
const EXTRA_TIMEOUT_MS = 10_000;
/** `timeout -s KILL`. */
const KILLED = 137;
/** No space and no control character: a request is one line. */
const PATH = /^\/[!-~]*$/;

/**
 * Asks the Engine of a node, in a helper there: at the newest version of its API that both sides know. One helper carries
 * all conversations, in their order, whatever becomes of the one before; or several do, where they are very many.
 * @param options.nameOf the name of each helper, by its number; made by `helperName`
 * @returns what each conversation came to, in the same order
 * @throws EngineAskFailure when a helper did not come to its end, or the Engine says no version
 * @throws OperationError `helper_busy`; `helper_failed` when what the helper printed cannot be read, and for an Engine
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
  const [ping, ...parts] = readPrinted(output.stdout, mark);
  const apiVersion = readVersion(nodeName, ping.note, stderr[0] ?? [], outcome);
  const helper = { name: outcome.report.name, task };
  return Promise.all(
    conversations.map(async (conversation, index) => {
      const part = parts[index] ?? unreadable();
      const { exitCode, tookSeconds } = part;
      const isLate = exitCode === KILLED && tookSeconds >= secondsOf(conversation) - 1;
      return {
        exitCode,
        answers: await readAnswers(conversation, part),
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
