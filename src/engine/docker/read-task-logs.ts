import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from '../engine-error.ts';
import { type Swarm, SwarmError } from '../swarm.ts';
import { readLogLines, readOutput } from '../task-logs.ts';
import type { CallFault } from './call-fault.ts';
import type { Engine, EngineStream } from './engine.ts';

const LOGS_TIMEOUT_MS = 5000;
const MAX_LOG_BYTES = 256 * 1024;
/** Ten thousand images of a node have room in it. */
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
const READ_ATTEMPTS = 3;
const PAUSE_MS = 50;

/** What tasks printed. A node that does not answer in time may be down. */
export function createTaskLogs(engine: Engine): Pick<Swarm, 'taskLogs' | 'taskOutput'> {
  const readOnce = (taskId: string, query: object, maxBytes: number): Promise<EngineStream> =>
    engine.readStream({
      path: `/tasks/${encodeURIComponent(taskId)}/logs`,
      query: { stdout: true, stderr: true, ...query },
      timeoutMs: LOGS_TIMEOUT_MS,
      maxBytes,
    });

  return {
    async taskLogs(taskId, lines) {
      const query = { timestamps: true, tail: lines };
      const stream = await again(
        () => readOnce(taskId, query, MAX_LOG_BYTES),
        ({ fault }) => fault === undefined || isFinal(fault),
      ).catch(error => {
        throw logsUnavailable(error);
      });
      if (stream.fault !== undefined && stream.bytes.length === 0) {
        throw logsUnavailable(unavailable(stream.fault));
      }
      const printed = readLogLines(stream.bytes).slice(-lines);
      return stream.fault === undefined
        ? printed
        : [...printed, `(${describe(stream.fault, MAX_LOG_BYTES)})`];
    },

    async taskOutput(taskId) {
      const { fault, output } = await again(
        async () => {
          const stream = await readOnce(taskId, {}, MAX_OUTPUT_BYTES);
          return { ...stream, output: stream.fault === undefined ? readOutput(stream.bytes) : undefined };
        },
        read => read.output !== undefined || (read.fault !== undefined && isFinal(read.fault)),
      ).catch(error => {
        throw error instanceof SwarmError && error.code === 'unavailable' ? error : logsUnavailable(error);
      });
      if (output !== undefined) {
        return output;
      }
      if (fault !== undefined && !isFinal(fault)) {
        throw unavailable(fault);
      }
      const why = fault === undefined ? 'something of it is missing' : describe(fault, MAX_OUTPUT_BYTES);
      const message = `The output of the task can not be read as a whole: ${why}.`;
      throw new SwarmError('logs_unavailable', message, { cause: fault });
    },
  };
}

/** Reads again what broke off, a few times. */
async function again<T>(read: () => Promise<T>, isGood: (read: T) => boolean): Promise<T> {
  for (let round = 1; ; round += 1) {
    const result = await read();
    if (isGood(result) || round === READ_ATTEMPTS) {
      return result;
    }
    await sleep(round * PAUSE_MS);
  }
}

/** Whether to ask again would come to the same. */
function isFinal({ kind }: CallFault): boolean {
  return kind === 'timed_out' || kind === 'too_large';
}

function describe({ kind }: CallFault, maxBytes: number): string {
  switch (kind) {
    case 'timed_out':
      return `no more came within ${LOGS_TIMEOUT_MS} ms`;
    case 'too_large':
      return `there is more than ${maxBytes} bytes of it`;
    default:
      return 'it breaks off here';
  }
}

/** An Engine that can't be reached would be named by its socket or address. */
function logsUnavailable(error: unknown): unknown {
  if (!(error instanceof SwarmError)) {
    return error;
  }
  const message = error.code === 'unavailable' ? 'the Engine did not answer' : error.message;
  return new SwarmError('logs_unavailable', message, { cause: error });
}
