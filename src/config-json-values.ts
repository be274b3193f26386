import { z } from 'zod';
import { readRegistry } from './config-values.ts';
import type { RegistryCredentials } from './core/registry-credentials.ts';

// https://docs.docker.com/reference/cli/docker/login/#credential-stores
const dockerConfig = z.looseObject({
  auths: z.record(
    z.string(),
    z.looseObject({
      auth: z.string().optional(),
      username: z.string().optional(),
      password: z.string().optional(),
      identitytoken: z.string().optional(),
      registrytoken: z.string().optional(),
    }),
  ),
});
type DockerLogin = z.output<typeof dockerConfig>['auths'][string];

const REGISTRY_AUTH = 'a Docker `config.json` with `auths`';
const SIGNING_TOKENS = 'JSON `{"group/project": "whsec_…", "group": "whsec_…"}`';

/** A Docker `config.json`, with its passwords in it: this program runs no credential helper. */
export const registryAuthSchema = z
  .string()
  .transform((text, context): readonly RegistryCredentials[] => {
    const fault = (message: string) => context.addIssue({ code: 'custom', message });
    const config = dockerConfig.safeParse(readJson(text));
    if (!config.success) {
      fault(`must be ${REGISTRY_AUTH}`);
      return z.NEVER;
    }
    const helpers = ['credHelpers', 'credsStore'].filter(key => config.data[key] !== undefined);
    if (helpers.length > 0) {
      fault(`has ${helpers.map(key => `\`${key}\``).join(' and ')}: a credential helper can't be run here`);
    }
    const logins = new Map<string, RegistryCredentials>();
    for (const [key, entry] of Object.entries(config.data.auths)) {
      const login = readLogin(key, entry);
      if (typeof login === 'string') {
        fault(login);
      } else if (logins.has(login.registry)) {
        fault(`names the registry ${login.registry} twice`);
      } else {
        logins.set(login.registry, login);
      }
    }
    return [...logins.values()];
  })
  .describe(REGISTRY_AUTH);

/** @returns what is wrong when it can't be used */
function readLogin(key: string, entry: DockerLogin): RegistryCredentials | string {
  const registry = readRegistry(key);
  if (registry === undefined) {
    return `names ${JSON.stringify(key)}, which is not the host of a registry`;
  }
  if (entry.identitytoken || entry.registrytoken) {
    return `holds an identity token for ${registry}: user and password are needed`;
  }
  const decoded = Buffer.from(entry.auth ?? '', 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  const username = entry.username || decoded.slice(0, Math.max(colon, 0));
  const password = entry.password || decoded.slice(colon + 1);
  return username && password
    ? { registry, username, password }
    : `has no user and password for ${registry}, neither in \`auth\` nor in \`username\` and \`password\``;
}

/** Signing tokens of GitLab webhooks (Standard Webhooks) by the path of a project or a group. */
export const signingTokensSchema = z
  .string()
  .transform((text, context): Readonly<Record<string, string>> => {
    const fault = (message: string) => context.addIssue({ code: 'custom', message });
    const tokens = z.record(z.string(), z.string()).safeParse(readJson(text));
    if (!tokens.success || Object.keys(tokens.data).length === 0) {
      fault(`must be ${SIGNING_TOKENS}`);
      return z.NEVER;
    }
    for (const [path, token] of Object.entries(tokens.data)) {
      if (!/^[\w.-]+(?:\/[\w.-]+)*$/.test(path)) {
        fault(`names ${JSON.stringify(path)}, which is not the path of a project or group`);
      }
      if (!isSigningToken(token)) {
        fault(`has no token for ${path} that is \`whsec_\` and base64 of at least 16 bytes`);
      }
    }
    return tokens.data;
  })
  .describe(SIGNING_TOKENS);

// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
function isSigningToken(text: string): boolean {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  return base64 !== undefined && Buffer.from(base64, 'base64').length >= 16;
}

/** Every text in a JSON value that may be a secret; nothing for what is not JSON. */
export function secretsInJson(text: string): readonly string[] {
  const value = readJson(text);
  const found: string[] = [];
  const visit = (node: unknown): void => {
    if (typeof node === 'string') {
      found.push(node);
    } else if (typeof node === 'object' && node !== null) {
      for (const [key, child] of Object.entries(node)) {
        if (key !== 'username' && key !== 'email') {
          visit(child);
        }
        if (key === 'auth' && typeof child === 'string') {
          const decoded = Buffer.from(child, 'base64').toString('utf8');
          found.push(decoded.slice(decoded.indexOf(':') + 1));
        }
      }
    }
  };
  visit(value);
  return found;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
