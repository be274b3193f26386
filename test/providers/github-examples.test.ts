import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import examples from '@octokit/webhooks-examples' with { type: 'json' };
import { createGithubWebhooks } from '../../providers/github.ts';
import { createGithubOrgWebhooks } from '../../providers/github-org.ts';
import { type Delivery, type IgnoredDelivery, ProviderError } from '../../providers/provider.ts';
import { webhookSecret } from '../../providers/webhook-secret.ts';
import { signGithubWebhook } from '../fixtures/webhooks.ts';

interface Example {
  readonly repository?: { readonly full_name: string; readonly owner: { readonly login: string } };
  readonly organization?: { readonly login: string };
}

const masterKey = 'a master key of at least 32 characters';
const secret = 'the secret of the organisation';
const github = createGithubWebhooks({ masterKey });
const definitions = examples as unknown as readonly {
  readonly name: string;
  readonly examples: readonly Example[];
}[];

/** Deliveries of each event, of how many examples. The examples are made up, and few could start anything. */
const expected: Readonly<Record<string, readonly [deliveries: number, of: number]>> = {
  ping: [0, 4],
  push: [3, 7],
  // npm packages: none is a container image.
  package: [0, 3],
  workflow_run: [2, 5],
  release: [4, 13],
  deployment: [4, 4],
};

for (const [event, [deliveries, of]] of Object.entries(expected)) {
  describe(`every example of ${event}`, () => {
    const payloads = definitions.find(definition => definition.name === event)?.examples ?? [];

    test('is a delivery or has a reason not to be, as the webhook of its repository', async () => {
      const ofRepository = payloads.filter(payload => payload.repository !== undefined);
      const read = await Promise.all(
        ofRepository.map(payload =>
          github.verifyWebhook(
            signGithubWebhook({
              event,
              payload,
              secret: webhookSecret(masterKey, 'github', payload.repository?.full_name ?? ''),
            }),
          ),
        ),
      );
      assert.equal(payloads.length, of);
      assert.equal(read.filter(isDelivery).length, deliveries);
      assert.ok(read.every(one => isDelivery(one) || one.reason.endsWith('.')));
    });

    test('is the same as the webhook of its organisation, or is refused for being another owner’s', async () => {
      for (const payload of payloads) {
        const name = payload.organization?.login ?? payload.repository?.owner.login ?? '';
        const organization = createGithubOrgWebhooks({ organization: { name }, secret });
        const isForeign = payload.repository !== undefined && payload.repository.owner.login !== name;
        const read = organization.verifyWebhook(signGithubWebhook({ event, payload, secret }));
        await (isForeign
          ? assert.rejects(read, { name: 'ProviderError', code: 'invalid_credential' })
          : read);
      }
    });
  });
}

describe('every example of every event is answered, and none with a fault of ours:', () => {
  const require = createRequire(import.meta.url);
  const servers = ['api.github.com', 'ghes-31', 'ghes-32', 'ghes-33', 'ghes-34', 'ghes-35'];
  for (const server of servers) {
    test(server, async () => {
      const events = require(`@octokit/webhooks-examples/${server}/index.json`) as typeof definitions;
      let count = 0;
      for (const { name: event, examples: payloads } of events) {
        for (const payload of payloads) {
          const name = payload.repository?.full_name;
          const key = name === undefined ? secret : webhookSecret(masterKey, 'github', name);
          const read = github.verifyWebhook(signGithubWebhook({ event, payload, secret: key }));
          await read.catch(error => assert.ok(error instanceof ProviderError, `${event}: ${error}`));
          count += 1;
        }
      }
      assert.ok(count > 40);
    });
  }
});

function isDelivery(read: Delivery | IgnoredDelivery): read is Delivery {
  return read.kind === 'delivery';
}
