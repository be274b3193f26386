import type { TaskReport } from './helper.ts';
import type { StepReport } from './step.ts';

/**
 * What the tasks of one operation printed, and their errors, together, as bytes of JSON. A service may have a hundred
 * tasks, each with a hundred long lines, and every operation is stored, answered and listed.
 */
const MAX_BYTES = 64 * 1024;
/** The most that a UTF-16 unit takes in JSON: `\u001b`. */
const MAX_BYTES_OF_UNIT = 6;
const LEFT_OUT = '(older lines were left out)';

/**
 * The steps with no more output than 64 KiB: of the tasks that printed most, the oldest lines go, and a line says so.
 * What is small enough stays as it is.
 */
export function boundOutput(steps: readonly StepReport[]): readonly StepReport[] {
  const sizes = steps.flatMap(({ helper, tasks = [] }) => [...(helper?.tasks ?? []), ...tasks]).map(sizeOf);
  const share = fairShare(sizes);
  if (share === undefined) {
    return steps;
  }
  return steps.map(step => ({
    ...step,
    ...(step.helper && {
      helper: { ...step.helper, tasks: step.helper.tasks.map(task => cut(task, share)) },
    }),
    ...(step.tasks && { tasks: step.tasks.map(task => cut(task, share)) }),
  }));
}

/**
 * What each may have at most, if those that need less leave the rest to the others.
 * @returns undefined when there is room for all
 */
function fairShare(sizes: readonly number[]): number | undefined {
  let room = MAX_BYTES;
  for (const [index, size] of sizes.toSorted((a, b) => a - b).entries()) {
    const share = Math.floor(room / (sizes.length - index));
    if (size > share) {
      return share;
    }
    room -= size;
  }
  return undefined;
}

function cut(task: TaskReport, share: number): TaskReport {
  if (sizeOf(task) <= share) {
    return task;
  }
  const error =
    task.error === undefined || bytesOf(task.error) <= share
      ? task.error
      : task.error.slice(0, Math.floor(share / MAX_BYTES_OF_UNIT)).toWellFormed();
  const logs: string[] = [];
  let room = share - bytesOf(LEFT_OUT) - (error === undefined ? 0 : bytesOf(error));
  for (const line of linesOf(task).toReversed()) {
    room -= bytesOf(line);
    if (room < 0) {
      break;
    }
    logs.unshift(line);
  }
  return { ...task, ...(error !== undefined && { error }), logs: [LEFT_OUT, ...logs] };
}

/** Without what an earlier cut says. */
function linesOf({ logs }: TaskReport): readonly string[] {
  return logs[0] === LEFT_OUT ? logs.slice(1) : logs;
}

function sizeOf({ logs, error }: TaskReport): number {
  return [...logs, ...(error === undefined ? [] : [error])].reduce((sum, text) => sum + bytesOf(text), 0);
}

/** With its comma. */
function bytesOf(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) + 1;
}
