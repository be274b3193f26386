import { randomUUID } from 'node:crypto';
import { OperationError } from '../../core/errors.ts';
import type { HelperReport, TaskReport } from '../../core/helper.ts';
import { helperName } from '../../core/helper-name.ts';
import { showable } from '../../core/outside-text.ts';
import { failureWords } from '../../core/text/failure-words.ts';
import type { HelperOutcome } from '../run-helper.ts';
import { runDockerCommand } from './docker-command.ts';
import type { NodeContext } from './step-executor.ts';

/** A command on a node. */
export interface NodeCommand {
  /** Argument vector. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

/** What a command came to. */
export interface CommandResult {
  readonly stdout: readonly string[];
  /** As it may be shown. */
  readonly stderr: readonly string[];
  readonly exitCode: number;
  /** It was ended for taking longer than this. */
  readonly timedOutAfterMs?: number;
  /** The helper that ran it. */
  readonly helper: { readonly name: string; readonly task: TaskReport };
}

/** A helper did not do what a step needs of it. */
export class NodeCommandFailure extends Error {
  override readonly name = 'NodeCommandFailure';
  readonly outcome: HelperOutcome;

  constructor(outcome: HelperOutcome) {
    super(outcome.message ?? 'The helper failed.');
    this.outcome = outcome;
  }
}

/**
 * Runs commands one after the other, each with its time-out in seconds, whatever became of the one before. Its arguments:
 * a mark, then for each command the seconds, the number of its words, and the words. After each command comes a line with
 * the mark, its exit code and the seconds that it took; on standard error one with the mark alone.
 */
const SCRIPT = `mark=$1
shift
run() {
  seconds=$1
  count=$2
  others=$(($# - 2 - count))
  shift 2
  while [ "$count" -gt 0 ]; do
    set -- "$@" "$1"
    shift
    count=$((count - 1))
  done
  shift "$others"
  timeout -s KILL "$seconds" "$@"
}
while [ "$#" -gt 0 ]; do
  read -r from rest </proc/uptime
  code=0
  run "$@" || code=$?
  read -r to rest </proc/uptime
  printf '\\n%s %s %s\\n' "$mark" "$code" "$((\${to%.*} - \${from%.*}))"
  printf '\\n%s\\n' "$mark" >&2
  shift "$((2 + $2))"
done`;

/** What the arguments of one helper take at most: the swarm stores them with its service and its task. */
const MAX_ARGUMENTS_BYTES = 256 * 1024;
/** For the shell itself. */
const EXTRA_TIMEOUT_MS = 10_000;
const LOG_LINES = 100;
/** `timeout -s KILL`. */
const KILLED = 137;

/**
 * Runs commands on a node in their order, in one helper for them all, or in several where their arguments are very many.
 * @param place tells the helpers of one operation apart
 * @returns the results in the same order
 * @throws NodeCommandFailure when a helper did not come to its end
 */
export async function runOnNode(
  context: NodeContext,
  place: string,
  commands: readonly NodeCommand[],
): Promise<readonly CommandResult[]> {
  const results: CommandResult[] = [];
  for (const [index, group] of groupByLength(commands).entries()) {
    results.push(...(await runGroup(context, `${place}-${index}`, group)));
  }
  return results;
}

/**
 * What commands printed whose output is all that matters.
 * @throws NodeCommandFailure unless all succeeded
 */
export function linesOf(results: readonly CommandResult[]): readonly string[] {
  for (const result of results) {
    const { exitCode, timedOutAfterMs, stderr } = result;
    if (exitCode !== 0) {
      const what =
        timedOutAfterMs === undefined
          ? `The command ended with exit code ${exitCode}.`
          : `The command took longer than its time-out of ${timedOutAfterMs} ms.`;
      const printed = failureWords(stderr);
      throw new NodeCommandFailure({
        status: timedOutAfterMs === undefined ? 'failed' : 'timed_out',
        report: reportHelpers([result]) ?? { name: '', tasks: [] },
        message: printed === '' ? what : `${what} It printed: ${printed}`,
      });
    }
  }
  return results.flatMap(({ stdout }) => stdout);
}

/** The helpers that ran these commands, with what these said on standard error, and how the first failure ended. */
export function reportHelpers(results: readonly CommandResult[]): HelperReport | undefined {
  const tasks = new Map<string, TaskReport & { readonly exitCode: number }>();
  for (const { helper, stderr, exitCode } of results) {
    const task = tasks.get(helper.name) ?? { ...helper.task, logs: [], exitCode: 0 };
    const logs = [...task.logs, ...stderr].slice(-LOG_LINES);
    tasks.set(helper.name, { ...task, logs, exitCode: task.exitCode === 0 ? exitCode : task.exitCode });
  }
  return tasks.size === 0 ? undefined : { name: [...tasks.keys()].join(', '), tasks: [...tasks.values()] };
}

async function runGroup(
  { world, node }: NodeContext,
  place: string,
  commands: readonly NodeCommand[],
): Promise<readonly CommandResult[]> {
  // Nothing that a command prints can be taken for a mark that nobody knew.
  const mark = randomUUID();
  const seconds = ({ timeoutMs }: NodeCommand) => Math.ceil(timeoutMs / 1000);
  const { output, ...outcome } = await runDockerCommand(world, {
    name: helperName('clean', { id: node.id, name: node.hostname }, place),
    nodeId: node.id,
    command: [
      ...['/bin/sh', '-euc', SCRIPT, 'sh', mark],
      ...commands.flatMap(each => [`${seconds(each)}`, `${each.command.length}`, ...each.command]),
    ],
    timeoutMs: commands.reduce((sum, each) => sum + seconds(each) * 1000, EXTRA_TIMEOUT_MS),
    printsData: true,
  });
  const [task] = outcome.report.tasks;
  if (outcome.status !== 'succeeded' || output === undefined || task === undefined) {
    throw new NodeCommandFailure(outcome);
  }
  const stdout = splitAt(output.stdout, mark);
  const stderr = splitAt(output.stderr, mark);
  return commands.map((command, index) => {
    const out = stdout[index];
    const error = stderr[index];
    const [, code, took] = /^\S+ (\d+) (\d+)$/.exec(out?.end ?? '') ?? [];
    if (out === undefined || error === undefined || code === undefined) {
      throw new OperationError('helper_failed', 'What the helper printed is not what it was to print.');
    }
    const exitCode = Number(code);
    const hasTimedOut = exitCode === KILLED && Number(took) >= seconds(command) - 1;
    return {
      exitCode,
      stdout: out.lines,
      stderr: error.lines.map(line => showable(line, world.redact)),
      helper: { name: outcome.report.name, task },
      ...(hasTimedOut && { timedOutAfterMs: command.timeoutMs }),
    };
  });
}

/** The lines up to each line that begins with the mark. */
function splitAt(lines: readonly string[], mark: string) {
  const parts: { readonly lines: readonly string[]; readonly end: string }[] = [];
  let start = 0;
  for (const [index, line] of lines.entries()) {
    if (line.startsWith(mark)) {
      parts.push({ lines: lines.slice(start, index), end: line });
      start = index + 1;
    }
  }
  return parts;
}

function groupByLength(commands: readonly NodeCommand[]): readonly (readonly NodeCommand[])[] {
  const groups: NodeCommand[][] = [];
  let room = 0;
  for (const each of commands) {
    const length = each.command.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
    if (length > room || groups.length === 0) {
      groups.push([]);
      room = MAX_ARGUMENTS_BYTES;
    }
    groups.at(-1)?.push(each);
    room -= length;
  }
  return groups;
}
