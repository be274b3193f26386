/** No message that is worth reading is longer. The Engine repeats what a registry answered, all of it. */
const MAX_LENGTH = 2000;
/** Programs that think they write to a terminal colour what they say. */
const COLOUR = /\p{Cc}\[[\d;:]{0,40}m/gu;
const LINE_END = /\r?\n/g;
const CONTROL = /(?!\t)\p{Cc}/gu;

/**
 * A text from outside (of a container, a registry, the Engine) as it may be shown to people, in a terminal too: known
 * secrets taken out, on one line, no control character but the tab (colours go, others become U+FFFD), and cut to 2000
 * characters.
 */
export function showable(text: string, redact: (text: string) => string): string {
  // Before, for secrets that hold control characters; after, for those that control characters were put into. Then it
  // is cut: of a secret that is cut, nothing would know the rest.
  return cut(redact(redact(text).replace(COLOUR, '').replace(LINE_END, ' ').replace(CONTROL, '\ufffd')));
}

function cut(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH).toWellFormed()}…` : text;
}
