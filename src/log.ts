import { type Level, type Logger, pino } from 'pino';

export type Log = Logger;

/** An error as the log shows it. */
interface LoggedError {
  readonly type: string;
  readonly code?: string | number;
  readonly message: string;
  readonly cause?: LoggedError;
  /** Where one error stands for several, such as one address tried after the other. */
  readonly errors?: readonly LoggedError[];
  readonly stack?: string;
}

const MAX_CAUSES = 5;
/** Fields that must not be logged. They never should be; this is the second lock, values are the third. */
const FORBIDDEN = ['authorization', 'body', 'env', 'headers', 'labels', 'password', 'secret', 'token'];

/**
 * The program's log: JSON, one object a line.
 * @param options.redact every line passes through it
 * @param options.destination default: standard output
 */
export function createLog(options: {
  readonly level: Level | 'silent';
  readonly redact: (text: string) => string;
  readonly destination?: { write(line: string): void };
}): Log {
  const hasStack = options.level === 'debug' || options.level === 'trace';
  return pino(
    {
      level: options.level,
      // A container's host name and process id say nothing that its orchestrator does not say better.
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: label => ({ level: label }) },
      serializers: { err: (error: unknown) => describeError(error, hasStack) },
      redact: { paths: FORBIDDEN.flatMap(name => [name, `*.${name}`]), censor: '[redacted]' },
      hooks: { streamWrite: options.redact },
    },
    options.destination ?? pino.destination({ dest: 1, sync: true }),
  );
}

/** An error with its causes, as plain values. */
function describeError(error: unknown, hasStack: boolean, depth = 0): LoggedError {
  if (!(error instanceof Error)) {
    return { type: typeof error, message: String(error) };
  }
  const { code, cause } = error as NodeJS.ErrnoException & { readonly cause?: unknown };
  const isDeep = depth >= MAX_CAUSES;
  return {
    type: error.name,
    ...(code !== undefined && { code }),
    message: error.message,
    ...(cause !== undefined && !isDeep && { cause: describeError(cause, hasStack, depth + 1) }),
    ...(error instanceof AggregateError &&
      !isDeep && {
        errors: error.errors.slice(0, MAX_CAUSES).map(each => describeError(each, hasStack, depth + 1)),
      }),
    ...(hasStack && error.stack !== undefined && { stack: error.stack }),
  };
}
