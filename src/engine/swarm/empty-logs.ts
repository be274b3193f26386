import { type LogDriver, type OwnEngine, type Service, type Swarm, SwarmError, type Task } from '../swarm.ts';

/** The drivers whose logs the Engine reads as they are. Of others it keeps a copy of its own, unless it is told not to. */
const READABLE = ['json-file', 'local', 'journald'];

/**
 * Why the Engine has no lines of a task that ran: for logs that it can't read it answers none, as for a task that printed
 * nothing.
 * @see https://docs.docker.com/engine/logging/dual-logging/
 * @returns a sentence that stands in the place of the lines
 */
export async function explainEmptyLogs(
  swarm: Swarm,
  { logDriver }: Pick<Service, 'logDriver'>,
  { nodeId }: Task,
): Promise<string> {
  if (logDriver !== undefined) {
    return explain("the service's log driver", logDriver);
  }
  const own = await describeEngine(swarm);
  return own?.nodeId === nodeId && own?.logDriver !== undefined
    ? explain("its node's default log driver", { name: own.logDriver, isCopyDisabled: false })
    : "(no lines: it printed nothing, or the default log driver of its node can't be read)";
}

function explain(whose: string, { name, isCopyDisabled }: LogDriver): string {
  if (name === 'none') {
    return `(the logs can't be read: ${whose} is none)`;
  }
  if (READABLE.includes(name)) {
    return '(it printed nothing)';
  }
  return isCopyDisabled
    ? `(the logs can't be read: ${whose} is ${name}, with cache-disabled)`
    : `(no lines: it printed nothing, or ${whose}, ${name}, keeps no copy that can be read)`;
}

/** What the manager's Engine says of itself; undefined where it does not. */
async function describeEngine(swarm: Swarm): Promise<OwnEngine | undefined> {
  try {
    return await swarm.describeEngine();
  } catch (error) {
    if (error instanceof SwarmError) {
      return undefined;
    }
    throw error;
  }
}
