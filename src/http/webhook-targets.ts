import type { ProviderName } from '../../providers/provider.ts';
import { labelPrefix } from '../core/label-reader.ts';
import { type ActionName, actionNames } from '../core/operation.ts';
import type { ServiceTarget } from '../core/target.ts';
import type { ParsedTargets } from '../engine/parsed-targets.ts';
import type { Swarm } from '../engine/swarm.ts';
import { askTogether } from './ask-together.ts';

/** A service that wants webhooks of a provider for an action. */
export interface WebhookTarget {
  readonly action: ActionName;
  readonly target: ServiceTarget;
}

/** The services that want webhooks of a provider, once for each action. */
export type WebhookTargets = (provider: ProviderName) => Promise<readonly WebhookTarget[]>;

/** Makes the list of the services that want webhooks, read once for all deliveries that come at the same time. */
export function createWebhookTargets(
  swarm: Pick<Swarm, 'listServices'>,
  parsedTargets: ParsedTargets,
): WebhookTargets {
  const lists = new Map<string, () => Promise<readonly WebhookTarget[]>>();

  async function listTargets(action: ActionName, provider: ProviderName): Promise<readonly WebhookTarget[]> {
    const services = await swarm.listServices(`${labelPrefix}${action}.${provider}.on`);
    return services.map(service => ({ action, target: parsedTargets.of(service) }));
  }

  return provider => {
    let list = lists.get(provider);
    if (list === undefined) {
      list = askTogether(async () =>
        (await Promise.all(actionNames.map(action => listTargets(action, provider)))).flat(),
      );
      lists.set(provider, list);
    }
    return list();
  };
}
