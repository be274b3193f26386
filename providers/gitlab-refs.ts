const TIMEOUT_MS = 3_000;

export type RefKind = 'branch' | 'tag';
/** `unknown` when GitLab could not be asked. */
export type RefState = 'protected' | 'unprotected' | 'missing' | 'unknown';

/** What GitLab knows of a branch or a tag. Never throws. */
export interface GitlabRefs {
  find(project: string, kind: RefKind, name: string): Promise<RefState>;
}

/**
 * Asks the API of a GitLab instance. gitbeaker repeats requests that meet 429 or 502, and waits for five minutes: here
 * all of it has three seconds, since GitLab waits ten for the answer to its webhook.
 * @param options.url of the instance, from the configuration
 * @param options.apiToken with the scope `read_api`
 */
export function createGitlabRefs(options: {
  readonly url: string;
  readonly apiToken: string;
  readonly timeoutMs?: number;
}): GitlabRefs {
  let client: ReturnType<typeof connect> | undefined;
  // Loaded when it is needed: most deployments have no API token, and it takes a tenth of the start.
  const connect = async () => {
    const { Gitlab } = await import('@gitbeaker/rest');
    return new Gitlab<false>({
      host: options.url.replace(/\/+$/, ''),
      // As a bearer the token does not follow a redirect to another host, as gitbeaker's own header would.
      oauthToken: options.apiToken,
      queryTimeout: options.timeoutMs ?? TIMEOUT_MS,
    });
  };
  return {
    async find(project, kind, name) {
      client ??= connect();
      try {
        const api = await client;
        const ref = await (kind === 'branch'
          ? api.Branches.show(project, name)
          : api.Tags.show(project, name));
        return ref.name === name ? stateOf(ref.protected) : 'unknown';
      } catch (error) {
        return isNotFound(error) ? 'missing' : 'unknown';
      }
    },
  };
}

function stateOf(isProtected: unknown): RefState {
  if (typeof isProtected !== 'boolean') {
    return 'unknown';
  }
  return isProtected ? 'protected' : 'unprotected';
}

function isNotFound(error: unknown): boolean {
  const cause =
    error instanceof Error ? (error.cause as { readonly response?: Response } | undefined) : undefined;
  return cause?.response?.status === 404;
}
