import type { Answer } from '../e2e/api-client.ts';

/** What a scene expects of an answer. */
export interface Expectation {
  readonly status: number;
  /** `status` of the operation in the answer. */
  readonly verdict?: string;
  /** Error code in the answer. */
  readonly code?: string;
}

/** Tells what happens, and keeps count of whether it was what should have happened. */
export interface Narrator {
  /** Steps of the preparation, with the time since the start. */
  progress(message: string): void;
  scene(title: string, story: string): void;
  /** What is sent: the request line, then details. */
  sent(line: string, ...details: readonly string[]): void;
  /** What came back, held against what should. */
  answered(answer: Answer, expected: Expectation): void;
  /** A fact that was looked up in the swarm itself. */
  observed(fact: string, isTrue: boolean): void;
  /** Prints the table. @returns whether everything was as it should be */
  summary(): boolean;
}

const WIDTH = 96;

export function createNarrator(startedAt: number): Narrator {
  const isColourful = process.stdout.isTTY && process.env.NO_COLOR === undefined;
  const paint = (code: number, text: string) => (isColourful ? `\u001b[${code}m${text}\u001b[0m` : text);
  const bold = (text: string) => paint(1, text);
  const dim = (text: string) => paint(2, text);
  const mark = (isTrue: boolean) => (isTrue ? paint(32, '✓') : paint(31, '✗'));
  const rows: { title: string; came: string; isTrue: boolean }[] = [];

  const hold = (came: string, isTrue: boolean) => {
    const row = rows.at(-1);
    if (row !== undefined) {
      row.came = [row.came, came].filter(Boolean).join(', ');
      row.isTrue &&= isTrue;
    }
  };

  return {
    progress(message) {
      const seconds = ((Date.now() - startedAt) / 1000).toFixed(1).padStart(6);
      console.log(dim(`${seconds} s  ${message}`));
    },
    scene(title, story) {
      rows.push({ title, came: '', isTrue: true });
      console.log(`\n${bold(`${rows.length}. ${title}`)}\n${wrap(story)}`);
    },
    sent(line, ...details) {
      console.log(`  → ${line}`);
      for (const detail of details) {
        console.log(dim(`      ${detail}`));
      }
    },
    answered(answer, expected) {
      const { status: verdict, error } = answer.body ?? {};
      const code: string | undefined = error?.code;
      const isTrue =
        answer.status === expected.status &&
        (expected.verdict === undefined || verdict === expected.verdict) &&
        (expected.code === undefined || code === expected.code);
      const came = [answer.status, typeof verdict === 'string' ? verdict : code].filter(Boolean).join(' ');
      console.log(`  ← ${mark(isTrue)} ${came}`);
      for (const line of describe(answer.body)) {
        console.log(dim(`      ${line}`));
      }
      hold(came, isTrue);
    },
    observed(fact, isTrue) {
      console.log(`  = ${mark(isTrue)} ${fact}`);
      hold('', isTrue);
    },
    summary() {
      const titles = rows.map(({ title }) => title);
      const width = Math.max(...titles.map(title => title.length));
      console.log(`\n${bold('Summary')}`);
      for (const { title, came, isTrue } of rows) {
        console.log(`  ${mark(isTrue)} ${title.padEnd(width)}  ${came}`);
      }
      return rows.every(({ isTrue }) => isTrue);
    },
  };
}

/** The part of an answer that tells people something. */
function describe(body: Answer['body']): string[] {
  if (body?.ignored !== undefined) {
    return [body.ignored];
  }
  if (body?.error !== undefined && body.steps === undefined) {
    return [body.error.message, ...(body.error.details ?? [])];
  }
  const steps: {
    name: string;
    status: string;
    durationMs?: number;
    message?: string;
    tasks?: { node: string; logs: string[]; error?: string }[];
  }[] = body?.steps ?? [];
  return steps
    .filter(({ status }) => status !== 'skipped')
    .flatMap(({ name, status, durationMs, message, tasks = [] }) => [
      `${name}: ${status} in ${((durationMs ?? 0) / 1000).toFixed(1)} s. ${message ?? ''}`,
      ...tasks.flatMap(task => [
        `task on ${task.node}: ${task.error ?? ''}`,
        ...task.logs.map(line => `  | ${line}`),
      ]),
    ]);
}

function wrap(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length >= WIDTH) {
      lines.push(word);
    } else {
      lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
    }
  }
  return lines.map(line => `   ${line}`).join('\n');
}
