import { gitlabProject, isObject, present } from './fields.ts';
import { type GitlabHappening, readGitlabWebhook } from './gitlab-events.ts';
import type { GitlabRefs, RefState } from './gitlab-refs.ts';
import { MAX_UNVERIFIED_BYTES, parseUnverifiedBody } from './json-body.ts';
import { branchOrTag, fullRef, isGitlabPath, pathAndGroups } from './names.ts';
import { type InboundWebhook, ProviderError, type WebhookVerifier } from './provider.ts';
import { replayKeyOf } from './replay-key.ts';
import { decodeSigningToken, verifyStandardWebhook } from './standard-webhook.ts';
import { isSameSecret, secretOrDecoy } from './webhook-secret.ts';

export interface GitlabWebhooksOptions {
  /** Secrets of projects and groups are derived from it. */
  readonly masterKey?: string | undefined;
  /** Path of a project or group → signing token. Where one covers a project, nothing less is accepted. */
  readonly signingTokens?: Readonly<Record<string, string>> | undefined;
  /** Who is asked for what a webhook does not say of its ref. */
  readonly refs?: GitlabRefs | undefined;
  readonly now: () => Date;
}

/**
 * Webhooks of projects and groups. The project that the unverified body names selects the secrets that may speak for
 * it: its own and those of its groups.
 * @throws {TypeError} for a signing token that is none, and for one whose path is none or is there twice
 */
export function createGitlabWebhooks(options: GitlabWebhooksOptions): WebhookVerifier {
  const { masterKey, refs, now } = options;
  const signingKeys = readSigningTokens(options.signingTokens ?? {});

  /** What the sender proved to know, as the beginning of the replay key. */
  function verify(request: InboundWebhook, project: string | undefined): readonly string[] | undefined {
    const paths = project === undefined ? [] : pathAndGroups(project.toLowerCase());
    const keys = paths.map(path => signingKeys.get(path)).filter(key => key !== undefined);
    if (keys.length > 0) {
      const id = verifyStandardWebhook(keys, request, now());
      return id === undefined ? undefined : ['signed', id];
    }
    const token = request.headers['x-gitlab-token'] ?? '';
    const candidates = paths.length === 0 ? [undefined] : paths;
    const matches = candidates.map(
      path => masterKey !== undefined && isSameSecret(token, secretOrDecoy(masterKey, 'gitlab', path)),
    );
    return project !== undefined && matches.includes(true)
      ? ['token', request.headers['idempotency-key'] ?? '']
      : undefined;
  }

  return {
    maxBodyBytes: MAX_UNVERIFIED_BYTES,
    async verifyWebhook(request) {
      const body = parseUnverifiedBody(request);
      const proof = verify(request, projectOf(body));
      if (proof === undefined || body === undefined) {
        throw new ProviderError(
          'invalid_credential',
          'no secret of the project that it names, or of its groups',
        );
      }
      const happening = readGitlabWebhook(body, now());
      if ('reason' in happening) {
        return { kind: 'ignored', ...happening };
      }
      const { event, repository, repositoryId, environment, startedBy, actor, sha } = happening;
      const { ref, refProtected } = refs === undefined ? happening : await askForRef(refs, happening);
      return present({
        kind: 'delivery' as const,
        event,
        identity: present({
          provider: 'gitlab' as const,
          repository,
          claimedRepositoryId: repositoryId,
          ref,
          environment,
          startedBy,
          actor,
          refProtected,
        }),
        replayKey: replayKeyOf('gitlab', ...proof, request.body),
        sha,
        ...branchOrTag(ref),
      });
    },
  };
}

/** A path that could never be found would let the plain token through where a signature is demanded. */
function readSigningTokens(tokens: Readonly<Record<string, string>>): ReadonlyMap<string, Buffer> {
  const keys = new Map<string, Buffer>();
  for (const [path, token] of Object.entries(tokens)) {
    if (!isGitlabPath(path) || keys.has(path.toLowerCase())) {
      throw new TypeError(`signing tokens: ${path} is not the path of a project or group, or is there twice`);
    }
    keys.set(path.toLowerCase(), decodeSigningToken(token));
  }
  return keys;
}

function projectOf(body: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const path = isObject(body?.project) ? body.project.path_with_namespace : undefined;
  return gitlabProject.safeParse(path).data;
}

type KnownRef = Pick<GitlabHappening, 'ref' | 'refProtected'>;

/** What GitLab says of the ref, where the body does not. What GitLab does not say either stays absent. */
async function askForRef(
  refs: GitlabRefs,
  { repository, ref, bareRef, refProtected }: GitlabHappening,
): Promise<KnownRef> {
  if (bareRef !== undefined) {
    const [branch, tag] = await Promise.all([
      refs.find(repository, 'branch', bareRef),
      refs.find(repository, 'tag', bareRef),
    ]);
    return only('heads', bareRef, branch, tag) ?? only('tags', bareRef, tag, branch) ?? {};
  }
  const { branch, tag } = branchOrTag(ref);
  const name = branch ?? tag;
  if (refProtected !== undefined || name === undefined) {
    return { ref, refProtected };
  }
  return {
    ref,
    refProtected: isProtected(await refs.find(repository, branch === undefined ? 'tag' : 'branch', name)),
  };
}

/** A bare name is of one kind when there is no such ref of the other. */
function only(kind: 'heads' | 'tags', name: string, one: RefState, other: RefState): KnownRef | undefined {
  const isThere = one === 'protected' || one === 'unprotected';
  return isThere && other === 'missing'
    ? { ref: fullRef(kind, name), refProtected: one === 'protected' }
    : undefined;
}

function isProtected(state: RefState): boolean | undefined {
  return state === 'protected' || state === 'unprotected' ? state === 'protected' : undefined;
}
