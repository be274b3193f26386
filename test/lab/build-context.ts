import { createHash } from 'node:crypto';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A digest of everything that a `docker build` of that folder may read: every file that its .dockerignore lets
 * through, with its path and whether it can be executed.
 */
export async function contextDigest(folder: string): Promise<string> {
  const ignores = dockerIgnore(await readFile(join(folder, '.dockerignore'), 'utf8').catch(() => ''));
  const hash = createHash('sha256');
  for (const path of await listFiles(folder, '', ignores)) {
    const full = join(folder, path.name);
    const content = path.isLink ? await readlink(full) : await readFile(full);
    const mode = path.isLink ? 'link' : (await stat(full)).mode & 0o111 ? 'executable' : 'file';
    hash.update(`${path.name}\0${mode}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** What a .dockerignore leaves out; the last pattern that matches a path or a folder above it decides. */
export interface DockerIgnore {
  ignores(path: string): boolean;
  /** Whether nothing within the folder can be let through, so that it need not be looked into. */
  ignoresAllOf(folder: string): boolean;
}

/** Reads a .dockerignore. The format: https://docs.docker.com/build/concepts/context/#dockerignore-files */
export function dockerIgnore(text: string): DockerIgnore {
  const rules = text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const isException = line.startsWith('!');
      const pattern = line.slice(isException ? 1 : 0).replace(/^\.?\/+|\/+$/g, '');
      return { isException, pattern, expression: patternExpression(pattern) };
    });
  const ignores = (path: string) => {
    const rule = rules.findLast(({ expression }) => expression.test(path));
    return rule !== undefined && !rule.isException;
  };
  return {
    ignores,
    ignoresAllOf: folder =>
      ignores(folder) &&
      !rules.some(({ isException, pattern }) => isException && mayReachInto(pattern, folder)),
  };
}

// An exception reaches into the folder when its part before the first wildcard and the folder lie on one path.
function mayReachInto(pattern: string, folder: string): boolean {
  const fixed = pattern.replace(/[*?[].*$/, '');
  return fixed.startsWith(`${folder}/`) || `${folder}/`.startsWith(fixed);
}

function patternExpression(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/?|\*|\?|[.+^${}()|\\]/g, token => {
    switch (token) {
      case '**/':
        return '(?:.*/)?';
      case '**':
        return '.*';
      case '*':
        return '[^/]*';
      case '?':
        return '[^/]';
      default:
        return `\\${token}`;
    }
  });
  return new RegExp(`^${source}(?:/.*)?$`);
}

interface ContextFile {
  readonly name: string;
  readonly isLink: boolean;
}

async function listFiles(root: string, folder: string, ignore: DockerIgnore): Promise<ContextFile[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const sorted = entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const files: ContextFile[] = [];
  for (const entry of sorted) {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      files.push(...(ignore.ignoresAllOf(name) ? [] : await listFiles(root, name, ignore)));
    } else if (!ignore.ignores(name)) {
      files.push({ name, isLink: entry.isSymbolicLink() });
    }
  }
  return files;
}
