import { webhookSecret } from '../providers/webhook-secret.ts';

/** What a command has to say: a result for standard output or a refusal for standard error. */
export type CommandResult = { readonly output: string } | { readonly refusal: string };

/**
 * `webhook-secret <provider> <repository>`: the secret to enter as the webhook's on the platform.
 * @param masterKey `SWARM_UTILS_WEBHOOK_MASTER_KEY`
 */
export function webhookSecretCommand(words: readonly string[], masterKey: string | undefined): CommandResult {
  const [provider, repository, ...rest] = words;
  if (provider === 'github-org') {
    return {
      refusal:
        'github-org has one webhook secret for the whole organisation, and it is not derived: SWARM_UTILS_GITHUB_ORG_WEBHOOK_SECRET.',
    };
  }
  if ((provider !== 'github' && provider !== 'gitlab') || repository === undefined || rest.length > 0) {
    return { refusal: 'usage: webhook-secret <github|gitlab> <repository>' };
  }
  if (masterKey === undefined) {
    return {
      refusal: 'SWARM_UTILS_WEBHOOK_MASTER_KEY (or …_FILE) is not set: webhook secrets are derived from it.',
    };
  }
  try {
    return { output: webhookSecret(masterKey, provider, repository) };
  } catch (error) {
    if (error instanceof TypeError) {
      return { refusal: `${JSON.stringify(repository)} is ${error.message}.` };
    }
    throw error;
  }
}
