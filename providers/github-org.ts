import { z } from 'zod';
import { decimalId, githubOwner, githubRepository, optional } from './fields.ts';
import type { Organization } from './github-claims.ts';
import { readGithubWebhook } from './github-events.ts';
import { MAX_VERIFIED_BYTES, parseJsonBody } from './json-body.ts';
import { isSameName } from './names.ts';
import { ProviderError, type WebhookVerifier } from './provider.ts';
import { isSignedBy } from './webhook-secret.ts';

const accountSchema = z.object({ login: githubOwner, id: optional(decimalId) });
const originSchema = z.object({
  organization: optional(accountSchema),
  repository: optional(z.object({ full_name: githubRepository, owner: accountSchema })),
});
type Account = z.output<typeof accountSchema>;

/** Webhooks of an organisation: one secret, which stands for the organisation's repositories and no others. */
export function createGithubOrgWebhooks(options: {
  readonly organization: Organization;
  readonly secret: string;
}): WebhookVerifier {
  const { organization, secret } = options;

  const isOurs = (account: Account) =>
    isSameName(account.login, organization.name) &&
    (organization.id === undefined || account.id === organization.id);

  function isOfOrganization(body: Readonly<Record<string, unknown>>): boolean {
    const origin = originSchema.safeParse(body).data;
    const accounts = [origin?.organization, origin?.repository?.owner].filter(
      account => account !== undefined,
    );
    const owner = origin?.repository?.full_name.split('/')[0];
    return (
      accounts.length > 0 &&
      accounts.every(isOurs) &&
      (owner === undefined || isSameName(owner, organization.name))
    );
  }

  return {
    maxBodyBytes: MAX_VERIFIED_BYTES,
    async verifyWebhook({ headers, body: bytes }) {
      if (!isSignedBy(secret, bytes, headers['x-hub-signature-256'])) {
        throw new ProviderError('invalid_credential', 'not signed with the secret of the organisation');
      }
      const body = parseJsonBody({ headers, body: bytes });
      if (body === undefined) {
        throw new ProviderError('malformed', 'not a JSON object, or not sent as application/json');
      }
      if (!isOfOrganization(body)) {
        throw new ProviderError('invalid_credential', 'signed by the organisation for another owner');
      }
      return readGithubWebhook({ provider: 'github-org', event: headers['x-github-event'], body, bytes });
    },
  };
}
