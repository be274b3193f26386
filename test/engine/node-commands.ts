import { authorize, type LabelTokenContent, redeemLabelToken } from '../../src/core/authorize.ts';
import type { HelperService } from '../../src/core/helper.ts';
import type { NodeTarget } from '../../src/core/target.ts';
import { nodeTarget } from '../../src/core/target.ts';
import { runOperation } from '../../src/engine/run-operation.ts';
import type { Node } from '../../src/engine/swarm.ts';
import { createRecorder, type TestWorld } from './world.ts';

export const idOf = (digit: string) => `sha256:${digit.repeat(64)}`;
export const containerIdOf = (digit: string) => digit.repeat(64);
const built = '2024-01-01 00:00:00 +0000 UTC';

/** A row of `listImages`. */
export function imageRow(
  digit: string,
  { repository = '<none>', tag = '<none>', digest = '<none>', createdAt = built } = {},
): string {
  return JSON.stringify([idOf(digit), repository, tag, digest, createdAt, '1.5MB']);
}

/** A row of `listStoppedContainers`. */
export function stoppedRow(digit: string, { helper = '', serviceId = '', createdAt = built } = {}): string {
  return JSON.stringify([
    containerIdOf(digit),
    `name-${digit}`,
    createdAt,
    '2kB (virtual 1.5MB)',
    helper,
    serviceId,
  ]);
}

/** What the Docker CLI of a node answers to one command. */
export interface CommandAnswer {
  readonly stdout?: readonly string[];
  readonly stderr?: readonly string[];
  readonly exitCode?: number;
  /** It never ends. */
  readonly hangs?: boolean;
}

/** Of a node: what its Docker CLI answers, by the first words after `docker`. Absent: nothing, with success. */
export type NodeScript = Readonly<
  Record<string, CommandAnswer | ((command: readonly string[]) => CommandAnswer)>
>;

/** A command that a helper ran. */
export interface RanCommand {
  readonly helper: HelperService;
  /** From the word after `docker` on. */
  readonly words: readonly string[];
  readonly seconds: number;
}

/**
 * Lets the helpers of a world be answered by a script.
 * @returns the commands that they ran, in order
 */
export function scriptNode({ swarm }: TestWorld, script: NodeScript): readonly RanCommand[] {
  const ran: RanCommand[] = [];
  swarm.onHelper((service, _, helper) => {
    const [mark = '', commands] = readCommands(helper);
    const output = { stdout: [] as string[], stderr: [] as string[] };
    for (const { seconds, command } of commands) {
      const words = command.slice(command.indexOf('docker') + 1);
      ran.push({ helper, words, seconds });
      const text = words.join(' ');
      const key = Object.keys(script).find(start => text.startsWith(start));
      const entry = key === undefined ? {} : script[key];
      const answer = typeof entry === 'function' ? entry(command) : (entry ?? {});
      const [exitCode, took] = answer.hangs ? [137, seconds] : [answer.exitCode ?? 0, 0];
      output.stdout.push(...(answer.stdout ?? []), `${mark} ${exitCode} ${took}`);
      output.stderr.push(...(answer.stderr ?? []), mark);
    }
    const task = swarm.addTask({
      serviceId: service.id,
      nodeId: helper.nodeId,
      state: 'complete',
      exitCode: 0,
    });
    swarm.setOutput(task.id, output);
  });
  return ran;
}

/** What a helper is told to run: the mark, then of each command its seconds, how many words it has, and these. */
function readCommands({ command }: HelperService) {
  const [, , , , mark, ...rest] = command;
  const commands: { readonly seconds: number; readonly command: readonly string[] }[] = [];
  while (rest.length > 0) {
    const [seconds, count] = rest.splice(0, 2).map(Number);
    commands.push({ seconds: seconds ?? 0, command: rest.splice(0, count) });
  }
  return [mark, commands] as const;
}

/** An admin's clean of a node, decided. */
export function contentOfNode(node: Node, isDryRun = false): LabelTokenContent {
  const target: NodeTarget = nodeTarget(node);
  const decision = authorize({ kind: 'admin' }, { action: 'clean', targetKind: 'node', isDryRun }, target);
  if (!decision.allowed) {
    throw new RangeError(decision.reason);
  }
  return redeemLabelToken(decision.labelToken);
}

/** Cleans a node, and answers what there was to see. */
export async function cleanNode(world: TestWorld, node: Node, isDryRun = false) {
  const recorder = createRecorder();
  const end = await runOperation(world, contentOfNode(node, isDryRun), recorder.listener);
  const step = (name: string) => recorder.reports.findLast(report => report.name === name);
  return { ...recorder, end, step };
}
