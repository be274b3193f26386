import { type ImagePattern, parseImagePattern } from './image-policy.ts';
import { parseTokenSecret, type TokenSecret } from './plain-token.ts';
import { isImageTemplate } from './webhook-image.ts';

/** Reads the text of one kind of label value. */
export interface ValueReader<T> {
  /** What a right value looks like; ends the sentence "must be …" and stands in the reference. */
  readonly expects: string;
  /** @returns undefined when the text is not such a value */
  readonly read: (text: string) => T | undefined;
}

const MAX_TIMEOUT_MS = 7 * 24 * 60 * 60 * 1000;
const MAX_AGE_MS = 365 * 24 * 60 * 60 * 1000;
const GITHUB_REPOSITORY = /^[\w.-]+\/[\w.-]+$/;
const GITLAB_PROJECT = /^[\w.-]+(?:\/[\w.-]+)+$/;
const OWNER_WILDCARD = /^[\w.-]+\/\*$/;
const REF = /^refs\/(?:heads|tags)\/[^\s*~^:?[\\]*\*?$/;

export const booleanValue: ValueReader<boolean> = {
  expects: '`true` or `false`',
  read: text => (text === 'true' ? true : text === 'false' ? false : undefined),
};

export const durationMsValue: ValueReader<number> = {
  expects: 'milliseconds as a whole number from 1 to 604800000, `_` between digits allowed',
  read: text => {
    const value = /^\d+(?:_\d+)*$/.test(text) ? Number(text.replaceAll('_', '')) : 0;
    return value >= 1 && value <= MAX_TIMEOUT_MS ? value : undefined;
  },
};

export const ageMsValue: ValueReader<number> = {
  expects: 'milliseconds as a whole number from 0 to 31536000000 (a year), `_` between digits allowed',
  read: text => {
    const value = /^\d+(?:_\d+)*$/.test(text) ? Number(text.replaceAll('_', '')) : -1;
    return value >= 0 && value <= MAX_AGE_MS ? value : undefined;
  },
};

export const daysValue: ValueReader<number> = {
  expects: 'days as a whole number from 1 to 36500',
  read: text => (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= 36_500 ? Number(text) : undefined),
};

export const textValue: ValueReader<string> = {
  expects: 'a text that is not empty',
  read: text => (text.trim() === '' ? undefined : text),
};

/** @see https://docs.docker.com/reference/cli/docker/container/exec/ `--user` */
export const userValue: ValueReader<string> = {
  expects: 'a user, by name or id, and after a colon a group if need be: `70`, `postgres:postgres`',
  read: text => (/^\w[\w.-]{0,63}(?::\w[\w.-]{0,63})?$/.test(text) ? text : undefined),
};

export const tokenValue: ValueReader<TokenSecret> = {
  expects:
    'a token that is not empty, or `sha256:` and the 64 lower-case hex digits of its SHA-256, and no other kind of hash',
  read: parseTokenSecret,
};

export const githubRepositoryListValue: ValueReader<readonly string[]> = {
  expects: '`owner/name`, or several with commas',
  read: text => readList(text, item => (GITHUB_REPOSITORY.test(item) ? item.toLowerCase() : undefined)),
};

export const gitlabProjectListValue: ValueReader<readonly string[]> = {
  expects: "a project's full path, `group/project`, or several with commas",
  read: text => readList(text, item => (GITLAB_PROJECT.test(item) ? item.toLowerCase() : undefined)),
};

export const organizationRepositoryListValue: ValueReader<readonly string[]> = {
  expects: '`owner/name` or `owner/*`, or several with commas',
  read: text =>
    readList(text, item =>
      GITHUB_REPOSITORY.test(item) || OWNER_WILDCARD.test(item) ? item.toLowerCase() : undefined,
    ),
};

export const idListValue: ValueReader<readonly string[]> = {
  expects: 'a number, or several with commas',
  read: text => readList(text, item => (/^[1-9]\d{0,19}$/.test(item) ? item : undefined)),
};

export const refListValue: ValueReader<readonly string[]> = {
  expects: '`refs/heads/…` or `refs/tags/…` with `*` only at the end, or several with commas',
  read: text => readList(text, item => (REF.test(item) && item.split('/')[2] !== '' ? item : undefined)),
};

export const startedByListValue: ValueReader<readonly string[]> = {
  expects: "the platform's names of what starts a pipeline, with commas",
  read: text => readList(text, item => (/^[a-z_]+$/.test(item) ? item : undefined)),
};

export const imagePatternListValue: ValueReader<readonly ImagePattern[]> = {
  expects: '`registry/repository[:tag]` with `*` only at the end, or several with commas',
  read: text => readList(text, parseImagePattern),
};

export const imageTemplateValue: ValueReader<string> = {
  expects: 'an image reference, in which `{sha}`, `{short_sha}`, `{tag}` and `{branch}` may stand',
  read: text => (isImageTemplate(text) ? text : undefined),
};

export const nameListValue: ValueReader<readonly string[]> = {
  expects: 'names with commas',
  read: text => readList(text, item => (/^[A-Za-z0-9][\w.-]*$/.test(item) ? item : undefined)),
};

/** Without a scheme, as the seed's README writes it: whether it is HTTPS is another label's matter. */
export const s3HostValue: ValueReader<string> = {
  expects: '`host` or `host:port`, without `https://` and without a path',
  read: text => (/^(?:[\w.-]+|\[[0-9A-Fa-f:]+\])(?::[1-9]\d{0,4})?$/.test(text) ? text : undefined),
};

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
export const bucketValue: ValueReader<string> = {
  expects: 'the name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens',
  read: text => (/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text) && !text.includes('..') ? text : undefined),
};

/** A value out of a fixed set. */
export function oneOf<T extends string>(choices: readonly T[]): ValueReader<T> {
  return {
    expects: choices.map(choice => `\`${choice}\``).join(' or '),
    read: text => choices.find(choice => choice === text),
  };
}

/** Values out of a fixed set, with commas. */
export function someOf<T extends string>(choices: readonly T[]): ValueReader<readonly T[]> {
  return {
    expects: `out of ${choices.map(choice => `\`${choice}\``).join(', ')}, with commas`,
    read: text => readList(text, item => choices.find(choice => choice === item)),
  };
}

function readList<T>(text: string, readItem: (item: string) => T | undefined): readonly T[] | undefined {
  const items: T[] = [];
  for (const part of text.split(',')) {
    const item = readItem(part.trim());
    if (item === undefined) {
      return undefined;
    }
    items.push(item);
  }
  return items;
}
