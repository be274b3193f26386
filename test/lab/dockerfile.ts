import { LabError } from './lab-error.ts';

/** What a base image is made of where Docker Hub cannot be reached. */
export interface BaseImageRecipe {
  /** Debian's release: `bookworm` … */
  readonly suite: string;
  /** `24.21.0`, or `24`, or nothing for an image without Node. */
  readonly nodeVersion?: string;
}

/**
 * The images that a Dockerfile starts from: every FROM that is no stage of the file itself and not `scratch`, once
 * each. Arguments declared before the first FROM are put in with their defaults.
 * Reference: https://docs.docker.com/reference/dockerfile/#from
 */
export function baseImages(dockerfile: string): string[] {
  const argumentDefaults = new Map<string, string>();
  const stages = new Set<string>(['scratch']);
  const images = new Set<string>();
  for (const instruction of instructionsOf(dockerfile)) {
    const [keyword = '', ...words] = instruction.split(/\s+/);
    if (keyword.toUpperCase() === 'ARG' && images.size === 0) {
      const [, name, value] = /^(\w+)=["']?(.*?)["']?$/.exec(words.join(' ')) ?? [];
      if (name !== undefined && value !== undefined) {
        argumentDefaults.set(name, value);
      }
    }
    if (keyword.toUpperCase() !== 'FROM') {
      continue;
    }
    const [image = '', as, stage] = words.filter(word => !word.startsWith('--'));
    const name = withArguments(image, argumentDefaults);
    if (!stages.has(name)) {
      images.add(name);
    }
    if (as?.toUpperCase() === 'AS' && stage !== undefined) {
      stages.add(stage);
    }
  }
  return [...images];
}

/**
 * What to make of the name of an official image: `node:24.21.0-bookworm-slim`, `node:24-slim`, `debian:trixie`.
 * Throws `image-failed` for any other name, also for one with a digest: only Docker Hub has those bytes.
 */
export function baseImageRecipe(image: string): BaseImageRecipe {
  const tag = /^(?:docker\.io\/)?(?:library\/)?(node|debian):([\w.-]+)$/.exec(image);
  const [, name, words = ''] = tag ?? [];
  const parts = words.split('-').filter(part => part !== 'slim');
  const [version, named, ...rest] = name === 'node' ? parts : [undefined, ...parts];
  const suite = named ?? 'bookworm';
  const isKnown = rest.length === 0 && /^[a-z]+$/.test(suite) && !suite.startsWith('alpine');
  if (!name || !isKnown || (name === 'node' && !/^\d+(\.\d+){0,2}$/.test(version ?? ''))) {
    throw new LabError(
      'image-failed',
      `Docker Hub cannot be reached, and the base image ${image} is none that can be made from Debian's packages ` +
        `and the pinned Node (node:VERSION-RELEASE-slim or debian:RELEASE-slim).`,
    );
  }
  return { suite, ...(version !== undefined && { nodeVersion: version }) };
}

function instructionsOf(dockerfile: string): string[] {
  return dockerfile
    .split('\n')
    .filter(line => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\s*\n/g, ' ')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '');
}

function withArguments(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(
    /\$\{(\w+)(?::-([^}]*))?\}|\$(\w+)/g,
    (_, braced?: string, fallback?: string, bare?: string) => {
      return values.get(braced ?? bare ?? '') ?? fallback ?? '';
    },
  );
}
