import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { isGithubRepository, isGitlabPath } from './names.ts';

/** The platforms whose webhook secrets are derived. The organisation's webhook has a secret of its own. */
export type DerivingProvider = 'github' | 'gitlab';

const SIGNATURE = /^sha256=[0-9a-f]{64}$/;
/** Stands for a repository that the body does not name, so that the work is the same. */
const NOBODY = 'nobody/nothing';

/**
 * The webhook secret of one repository: whoever knows it can sign as that repository, and as no other.
 * @param masterKey of the whole installation
 * @param repository `owner/name` on GitHub; on GitLab the full path of a project, or of a group for its group hook.
 *   Upper and lower case are the same
 * @throws {TypeError} when the platform has no such path
 */
export function webhookSecret(masterKey: string, provider: DerivingProvider, repository: string): string {
  const isPath = provider === 'github' ? isGithubRepository : isGitlabPath;
  if (!isPath(repository)) {
    throw new TypeError(`not a path on ${provider}`);
  }
  return derive(masterKey, provider, repository);
}

/** As `webhookSecret`, for a path that was read from an unverified body: of none, a secret that nobody has. */
export function secretOrDecoy(
  masterKey: string,
  provider: DerivingProvider,
  repository: string | undefined,
): string {
  return derive(masterKey, provider, repository ?? NOBODY);
}

function derive(masterKey: string, provider: DerivingProvider, path: string): string {
  return createHmac('sha256', masterKey)
    .update(`swarm-utils/webhook/v1/${provider}/${path.toLowerCase()}`)
    .digest('base64url');
}

/**
 * Whether these very bytes were signed with the secret, in constant time.
 * @param signature the header `X-Hub-Signature-256`
 * @see https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function isSignedBy(secret: string, body: Buffer, signature: string | undefined): boolean {
  const isWellFormed = signature !== undefined && SIGNATURE.test(signature);
  const given = Buffer.from(isWellFormed ? signature.slice('sha256='.length) : '00'.repeat(32), 'hex');
  const expected = createHmac('sha256', secret).update(body).digest();
  return timingSafeEqual(given, expected) && isWellFormed;
}

/** Whether two secrets are equal, in a time that tells nothing of either. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(sha256(given), sha256(expected));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
