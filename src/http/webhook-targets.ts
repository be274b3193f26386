import type { ProviderName } from '../../providers/provider.ts';
import { labelPrefix } from '../core/labels.ts';
import type { ServiceTarget } from '../core/target.ts';
import type { ParsedTargets } from '../engine/parsed-targets.ts';
import type { Swarm } from '../engine/swarm.ts';
import { askTogether } from './ask-together.ts';

/** The services that want webhooks of a provider. */
export type WebhookTargets = (provider: ProviderName) => Promise<readonly ServiceTarget[]>;

/** Makes the list of the services that want webhooks, read once for all deliveries that come at the same time. */
export function createWebhookTargets(
  swarm: Pick<Swarm, 'listServices'>,
  parsedTargets: ParsedTargets,
): WebhookTargets {
  const lists = new Map<string, () => Promise<readonly ServiceTarget[]>>();

  async function listTargets(label: string): Promise<readonly ServiceTarget[]> {
    return (await swarm.listServices(label)).map(parsedTargets.of);
  }

  return provider => {
    let list = lists.get(provider);
    if (list === undefined) {
      list = askTogether(() => listTargets(`${labelPrefix}update.${provider}.on`));
      lists.set(provider, list);
    }
    return list();
  };
}
