import { closest, distance } from 'fastest-levenshtein';
import { variables } from './config-variables.ts';

/** One thing that is wrong with the environment. `variable` and `message` make a sentence. */
export interface Fault {
  readonly variable: string;
  /** Never holds the value of a secret. */
  readonly message: string;
}

const PREFIX = 'SWARM_UTILS_';
const FILE_SUFFIX = '_FILE';
/** So many letters may be wrong in a name that is still recognised. */
const MAX_TYPOS = 4;

/**
 * The texts of the variables that are given, secrets read from their files.
 * @returns besides them the names that nobody knows, the files that can't be read and what is given twice
 */
export function collectTexts(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): { readonly texts: ReadonlyMap<string, string>; readonly faults: Fault[] } {
  const texts = new Map<string, string>();
  const faults: Fault[] = [];
  for (const [name, variable] of variables) {
    const text = env[name];
    const path = variable.isSecret ? env[name + FILE_SUFFIX] : undefined;
    if (text && path) {
      faults.push({ variable: name, message: `and ${name}${FILE_SUFFIX} are both set: only one may be` });
    } else if (path) {
      readSecret(name, path);
    } else if (text) {
      texts.set(name, text);
    }
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith(PREFIX) && !isKnown(name)) {
      faults.push({ variable: name, message: `is not a variable of swarm-utils${hint(name)}` });
    }
  }
  return { texts, faults };

  function readSecret(name: string, path: string): void {
    const variable = name + FILE_SUFFIX;
    try {
      const text = readFile(path).replace(/\r?\n$/, '');
      if (text === '') {
        faults.push({ variable, message: `names ${JSON.stringify(path)}, which is empty` });
      } else {
        texts.set(name, text);
      }
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
      faults.push({ variable, message: `names ${JSON.stringify(path)}, which can't be read (${reason})` });
    }
  }
}

function isKnown(name: string): boolean {
  return variables.has(name) || variables.get(withoutSuffix(name))?.isSecret === true;
}

function withoutSuffix(name: string): string {
  return name.endsWith(FILE_SUFFIX) ? name.slice(0, -FILE_SUFFIX.length) : '';
}

function hint(name: string): string {
  if (variables.has(withoutSuffix(name))) {
    return `: only secrets can be given as files, set ${withoutSuffix(name)}`;
  }
  const names = [...variables].flatMap(([known, { isSecret }]) =>
    isSecret ? [known, known + FILE_SUFFIX] : [known],
  );
  const nearest = closest(name, names);
  return distance(name, nearest) <= MAX_TYPOS ? `: did you mean ${nearest}?` : '';
}
