import { z } from 'zod';
import {
  type Delivery,
  type ProviderName,
  providerNames,
  type WebhookEvent,
  webhookEvents,
} from '../../providers/provider.ts';

const text = z.string({ error: 'must be a string' }).max(1024, { error: 'is too long' });

/** A webhook as an admin describes it to ask what it would start; the fields are those of a verified one. */
export const deliveryFields = z
  .strictObject(
    {
      provider: z.enum(providerNames, { error: `must be one of ${providerNames.join(', ')}` }),
      event: text,
      repository: text,
      repositoryId: text.optional(),
      ref: text.optional(),
      environment: text.optional(),
      startedBy: text.optional(),
      workflow: text.optional(),
      refProtected: z.boolean({ error: 'must be true or false' }).optional(),
      image: text.optional(),
      sha: text.optional(),
      tag: text.optional(),
      branch: text.optional(),
    },
    { error: issue => (issue.code === 'invalid_type' ? 'must be an object' : undefined) },
  )
  .refine(({ provider, event }) => isEventOf(provider, event), {
    path: ['event'],
    error: 'must be a webhook event of this provider',
  });

/** The delivery that these fields describe. It was not verified, and it starts nothing. */
export function deliveryOf(fields: z.output<typeof deliveryFields>): Delivery {
  const { provider, event, repository, repositoryId, image, sha, tag, branch, ...identity } = fields;
  // Only an organisation's webhook proves the id; the secret of one repository is bound to its path.
  const id = provider === 'github-org' ? { repositoryId } : { claimedRepositoryId: repositoryId };
  return {
    kind: 'delivery',
    event: event as WebhookEvent,
    identity: { provider, repository, ...given({ ...identity, ...id }) },
    replayKey: '',
    ...given({ image, sha, tag, branch }),
  };
}

function isEventOf(provider: ProviderName, event: string): boolean {
  return webhookEvents[provider].some(name => name === event);
}

function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
