import { githubRepository, isObject } from './fields.ts';
import { readGithubWebhook } from './github-events.ts';
import { MAX_UNVERIFIED_BYTES, parseUnverifiedBody } from './json-body.ts';
import { ProviderError, type WebhookVerifier } from './provider.ts';
import { isSignedBy, secretOrDecoy } from './webhook-secret.ts';

/**
 * Webhooks of single repositories, each with a secret of its own. The repository that the unverified body names
 * selects the secret, and the signature proves it: who knows B's secret can sign only as B.
 */
export function createGithubWebhooks(options: { readonly masterKey: string }): WebhookVerifier {
  return {
    maxBodyBytes: MAX_UNVERIFIED_BYTES,
    async verifyWebhook({ headers, body: bytes }) {
      const body = parseUnverifiedBody({ headers, body: bytes });
      const repository = repositoryOf(body);
      const secret = secretOrDecoy(options.masterKey, 'github', repository);
      const isSigned = isSignedBy(secret, bytes, headers['x-hub-signature-256']);
      if (!isSigned || body === undefined || repository === undefined) {
        throw new ProviderError(
          'invalid_credential',
          'not signed with the secret of the repository that it names',
        );
      }
      return readGithubWebhook({ provider: 'github', event: headers['x-github-event'], body, bytes });
    },
  };
}

function repositoryOf(body: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const name = isObject(body?.repository) ? body.repository.full_name : undefined;
  return githubRepository.safeParse(name).data;
}
