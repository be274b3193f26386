import { isIP } from 'node:net';
import { z } from 'zod';
import { normalizeRegistry, parseImageName, parseImageReference } from './core/image-reference.ts';
import type { ValueReader } from './core/label-values.ts';
import { parseTokenSecret, type TokenSecret } from './core/plain-token.ts';

/** Shorter secrets can be guessed within the limits that HTTP sets. */
const MIN_SECRET_LENGTH = 8;
const MIN_MASTER_KEY_LENGTH = 32;
/** The seed's README writes `...` where a credential belongs. */
const PLACEHOLDER = '...';
const MAX_PORT = 65_535;

/** Makes the schema of one variable from a reader; what it expects is the message of its fault. */
export function schemaOf<T>(reader: ValueReader<T>) {
  return z
    .string()
    .transform((text, context): T => {
      const value = reader.read(text);
      if (value === undefined) {
        context.addIssue({ code: 'custom', message: `must be ${reader.expects}` });
        return z.NEVER;
      }
      return value;
    })
    .describe(reader.expects);
}

export const portValue: ValueReader<number> = {
  expects: 'a port number from 1 to 65535',
  read: text => (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= MAX_PORT ? Number(text) : undefined),
};

export const countValue: ValueReader<number> = {
  expects: 'a whole number from 0 to 1000000',
  read: text => (/^\d{1,7}$/.test(text) && Number(text) <= 1_000_000 ? Number(text) : undefined),
};

export const parallelValue: ValueReader<number> = {
  expects: 'a whole number from 1 to 100',
  read: text => (/^[1-9]\d{0,2}$/.test(text) && Number(text) <= 100 ? Number(text) : undefined),
};

/** A word of anything but white space. */
/** One, since a token must carry exactly this one. */
export const audienceValue: ValueReader<string> = {
  expects: 'one text without white space and commas',
  read: text => (/^[^\s,]+$/.test(text) ? text : undefined),
};

export const idValue: ValueReader<string> = {
  expects: 'a number of decimal digits',
  read: text => (/^[1-9]\d{0,19}$/.test(text) ? text : undefined),
};

export const organizationValue: ValueReader<string> = {
  expects: 'the login of an organisation: letters, digits and `-`',
  read: text => (/^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/.test(text) ? text : undefined),
};

/**
 * An address that others are appended to or that is compared as a text. Without a slash at the end, so that there is
 * one spelling. Whether it may be `http:` is another variable's matter.
 */
export const urlValue: ValueReader<string> = {
  expects: 'an absolute https URL without user, query, fragment and slash at the end',
  read: text => {
    const url = /^https?:\/\/[^\s?#@]+$/.test(text) && !text.endsWith('/') ? URL.parse(text) : null;
    return url === null ? undefined : text;
  },
};

/** Express' `trust proxy`: https://expressjs.com/en/guide/behind-proxies.html */
export const trustProxyValue: ValueReader<boolean | number | string> = {
  expects: '`true`, `false`, the number of proxies, or addresses and subnets of proxies with commas',
  read: text => {
    if (text === 'true' || text === 'false') {
      return text === 'true';
    }
    if (/^\d{1,2}$/.test(text)) {
      return Number(text);
    }
    const parts = splitList(text);
    return parts.every(isProxyAddress) ? parts.join(',') : undefined;
  },
};

function isProxyAddress(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  if (prefix === undefined) {
    return isIP(address) !== 0 || ['loopback', 'linklocal', 'uniquelocal'].includes(address);
  }
  const maxPrefix = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= maxPrefix;
}

export const dockerHostValue: ValueReader<string> = {
  expects: '`unix:///path/of/socket` or `tcp://host:port`',
  read: text => {
    if (/^unix:\/\/\/\S+$/.test(text)) {
      return text;
    }
    const port = /^tcp:\/\/(?:[\w.-]+|\[[0-9A-Fa-f:]+\]):(\d+)$/.exec(text)?.[1];
    return port !== undefined && portValue.read(port) !== undefined ? text : undefined;
  },
};

/** Kept as it is written; the Engine reads it. */
export const imageValue: ValueReader<string> = {
  expects: 'an image reference such as `registry.example.com/name:tag`',
  read: text => (parseImageReference(text) === undefined ? undefined : text),
};

export const registryValue: ValueReader<string> = {
  expects: 'the host of a registry, with a port if need be; HTTPS is what is spoken',
  read: text => (text.startsWith('http://') ? undefined : readRegistry(text)),
};

/** @returns the registry in its one spelling */
export function readRegistry(text: string): string | undefined {
  const registry = normalizeRegistry(text);
  return parseImageName(`${registry}/name`)?.registry === registry ? registry : undefined;
}

/** A credential that others have made. */
export const credentialValue: ValueReader<string> = {
  expects: 'one line that is not empty, and not the placeholder `...`',
  read: text => (isOneLine(text) && text !== PLACEHOLDER ? text : undefined),
};

export const sharedSecretValue: ValueReader<string> = {
  expects: `one line of at least ${MIN_SECRET_LENGTH} characters`,
  read: text => (isOneLine(text) && text.length >= MIN_SECRET_LENGTH ? text : undefined),
};

export const masterKeyValue: ValueReader<string> = {
  expects: `one line of at least ${MIN_MASTER_KEY_LENGTH} characters`,
  read: text => (isOneLine(text) && text.length >= MIN_MASTER_KEY_LENGTH ? text : undefined),
};

export const adminTokensValue: ValueReader<readonly TokenSecret[]> = {
  expects: `tokens with commas, each of at least ${MIN_SECRET_LENGTH} characters, or \`sha256:\` and the 64 lower-case hex digits of its SHA-256, and no other kind of hash`,
  read: text => {
    const tokens = splitList(text).map(token =>
      /\s/.test(token) || token.length < MIN_SECRET_LENGTH ? undefined : parseTokenSecret(token),
    );
    return tokens.every(token => token !== undefined) ? tokens : undefined;
  },
};

export const pemValue: ValueReader<string> = {
  expects: 'PEM, beginning with `-----BEGIN`',
  read: text => (text.trimStart().startsWith('-----BEGIN ') ? text : undefined),
};

/** The parts of a list, as they are compared: without white space around. */
export function splitList(text: string): readonly string[] {
  return text.split(',').map(part => part.trim());
}

/** White space around a secret is a slip of who wrote the file. */
function isOneLine(text: string): boolean {
  return text !== '' && text === text.trim() && !/[\r\n\0]/.test(text);
}
