/** What the helper of a label's text was told: where, as whom, for how long, and the words that it runs there. */
export interface ExecCommand {
  readonly container: string | undefined;
  readonly run: string | undefined;
  readonly seconds: string | undefined;
  readonly user: string | undefined;
  /** It is printed where something that was begun before is at work still. */
  readonly word: string | undefined;
  readonly words: readonly string[];
}

/** Reads the command of such a helper. */
export function readExecCommand(command: readonly string[]): ExecCommand {
  const [container, run, seconds, user] = command.slice(4);
  return { container, run, seconds, user, word: command[11], words: command.slice(12) };
}
