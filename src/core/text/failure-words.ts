/** Far below what a message may have, so that what stands before them is seen too. */
const MAX_WORDS = 700;
/** The first is the likeliest cause, the last the program's own summary. */
const MAX_SENTENCES = 3;
const SENTENCE_LENGTH = 300;
const SEPARATOR = ' | ';

/** What scripts of helpers put before what their own tidying-up prints: it says nothing about why they failed. */
export const tidyingMark = 'tidying up: ';

/**
 * What the output of a program that failed says of why it failed: up to three of its lines, oldest first, without the
 * trace of its stack, progress, what it says while all is well, and what its tidying-up prints. It knows the formats of
 * the programs that helpers run (restic and rclone, plain or as JSON, offen/docker-volume-backup, busybox, the Docker CLI);
 * of any other the last lines. Output is others': nothing is decided by what this finds.
 * @param lines as they may be shown, without known secrets
 * @returns at most 700 characters; empty where nothing was said
 */
export function failureWords(lines: readonly string[]): string {
  const sentences = withCauses(withoutStacks(lines)).flatMap(sentenceOf);
  const reasons = sentences.filter(isReason);
  // A call that is cut off says so of each thing that it was at; what cut it off is the reason.
  const causes = reasons.filter(sentence => !CONSEQUENCE.test(sentence));
  const chosen = [causes, reasons, sentences].find(({ length }) => length > 0) ?? [];
  return join(pick([...new Set(chosen.map(cut))]));
}

function pick(sentences: readonly string[]): readonly string[] {
  return sentences.length <= MAX_SENTENCES
    ? sentences
    : [...sentences.slice(0, 1), ...sentences.slice(1 - MAX_SENTENCES)];
}

function join(sentences: readonly string[]): string {
  return sentences.join(SEPARATOR).slice(0, MAX_WORDS).toWellFormed();
}

function cut(sentence: string): string {
  return sentence.length > SENTENCE_LENGTH
    ? `${sentence.slice(0, SENTENCE_LENGTH).toWellFormed()}…`
    : sentence;
}

const REASON =
  /\b(?:fatal|panic|errors?|fail(?:ed|ure|s)?|refused|denied|forbidden|unauthorized|invalid|unknown|unsupported|unreachable|unexpected|wrong|missing|corrupt\w*|damaged|can ?not|can't|could not|couldn't|unable|exceeded|expired|time[d-]? ?out|no such|not found|no space|not permitted|not allowed|not empty|does not|doesn't|do not|is not|has no|there is no|already locked|too long|killed|signal)\b/i;
const CONSEQUENCE =
  /context canceled|signal \w+ received|^Warning: at least one source file|^There (?:was|were) \d+ errors?/i;
const ALL_IS_WELL =
  /\blevel=(?:INFO|DEBUG)\b|^\S+ \S+ (?:INFO|DEBUG) *:|^(?:repository \S+ opened|created new cache|created restic repository|successfully removed|using parent snapshot|load(?:ing)? (?:index|indexes)|enabled|applying|keep \d|remove \d|Files: |Dirs: |Added to the |processed \d|snapshot \S+ saved|Is there a repository at|Please note that|the repository\. Losing|irrecoverably lost|\*\*\* CONTRACT DOUBLE)/i;
/** `[0:00] 100.00%  1 / 1 files deleted`, and the lines of rclone that begin with `Transferred:`. */
const PROGRESS = /^\[\d+:\d\d(?::\d\d)?\]|^(?:Transferred|Checks|Elapsed time|Errors): +[\d:]/;

function isReason(sentence: string): boolean {
  return REASON.test(sentence);
}

/** None for what says nothing of why. */
function sentenceOf(raw: string): readonly string[] {
  const line = raw.trim();
  if (line === '' || line.startsWith(tidyingMark) || ALL_IS_WELL.test(line) || PROGRESS.test(line)) {
    return [];
  }
  if (looksLikeJson(line)) {
    return readJson(line).map(sentence => firstLine(sentence));
  }
  const text = unwrap(line);
  return text === '' || /^\S+:\S+$/.test(text) ? [] : [text];
}

/** Whole or a part of it: output is cut at both ends, and JSON may be on many lines. */
function looksLikeJson(line: string): boolean {
  return /^[[\]{}",]/.test(line) || /"[,:]["[{]/.test(line);
}

function readJson(line: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? sentencesOfMessage(value) : [];
  } catch {
    return [];
  }
}

/** restic's messages. @see https://restic.readthedocs.io/en/stable/075_scripting.html#json-output */
function sentencesOfMessage({
  message_type: type,
  message,
  error,
  item,
}: Readonly<Record<string, unknown>>): readonly string[] {
  if (typeof message === 'string' && type !== 'status' && type !== 'summary') {
    return [message];
  }
  if (type !== 'error') {
    return [];
  }
  const why = isRecord(error) && typeof error.message === 'string' ? error.message : '';
  // Versions before 0.17.1 leave the reason out.
  const what = typeof item === 'string' ? item : '';
  return [
    why === ''
      ? `error: ${what} could not be read`
      : what === '' || why.includes(what)
        ? why
        : `${what}: ${why}`,
  ];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function firstLine(text: string): string {
  return unwrap(text.split('\n', 1)[0] ?? '');
}

/**
 * Without what a log puts around a message. offen's program writes `time=… level=… msg="…" error="…"`, where the error
 * says more, and which of its functions say so; restic says before each cause that it tries again.
 */
function unwrap(line: string): string {
  const [, quoted] =
    /\berror="((?:[^"\\]|\\.)*)"$/.exec(line) ?? /\bmsg="((?:[^"\\]|\\.)*)"/.exec(line) ?? [];
  const text = quoted === undefined ? line : quoted.replaceAll('\\"', '"');
  return text
    .replaceAll(/\b(?:main|\w+\.\(\*\w+\))\.\w+(?:\.func\d+)?: /g, '')
    .replace(/^\d{4}[/-]\d\d[/-]\d\d[T ]\d\d:\d\d:\d\dZ? (?:[A-Z]+ *: )?/, '')
    .replace(/^\S{1,120} returned error, retrying after \S+: /, '')
    .trim();
}

const CAUSE = /^caused by: /;

/** The SDK of AWS, which rclone and offen's program use, has the cause of an error on a line of its own. */
function withCauses(lines: readonly string[]): readonly string[] {
  const joined: string[] = [];
  for (const raw of lines) {
    const line = raw.trim();
    const before = joined.at(-1);
    if (before !== undefined && CAUSE.test(line)) {
      joined.splice(-1, 1, `${before}, ${line}`);
    } else {
      joined.push(line);
    }
  }
  return joined;
}

/** A frame names a file of code and a line; before it stands the function. */
const FRAME = /^\S*\.(?:go|s|js|ts|py):\d+(?::\d+)?(?: \+0x[0-9a-f]+)?$/;
const FUNCTION = /^(?:[\w.-]+\/)*[\w-]+\.[\w.()*[\]{}-]+(?:\(.*\))?$|^created by /;

function withoutStacks(lines: readonly string[]): readonly string[] {
  return lines.filter((raw, index) => {
    const line = raw.trim();
    return !(
      FRAME.test(line) ||
      /^goroutine \d+ \[/.test(line) ||
      (FUNCTION.test(line) && FRAME.test(lines[index + 1]?.trim() ?? '')) ||
      /^runtime\.(?:goexit|main|gopanic)\b/.test(line)
    );
  });
}
