import type { ProviderName } from '../../providers/provider.ts';
import { labelPrefix } from '../core/labels.ts';
import { type ServiceTarget, serviceTarget } from '../core/target.ts';
import type { Swarm } from '../engine/swarm.ts';
import { askTogether } from './ask-together.ts';

/** The services that want webhooks of a provider. */
export type WebhookTargets = (provider: ProviderName) => Promise<readonly ServiceTarget[]>;

/** Makes the list of the services that want webhooks, read once for all deliveries that come at the same time. */
export function createWebhookTargets(swarm: Pick<Swarm, 'listServices'>): WebhookTargets {
  const lists = new Map<string, () => Promise<readonly ServiceTarget[]>>();
  return provider => {
    let list = lists.get(provider);
    if (list === undefined) {
      list = askTogether(listTargets(swarm, `${labelPrefix}update.${provider}.on`));
      lists.set(provider, list);
    }
    return list();
  };
}

/**
 * Lists the services with a label. The labels of a service that has the version that it had in the list before are not
 * parsed again: the swarm gives each change of a service another one.
 */
function listTargets(swarm: Pick<Swarm, 'listServices'>, label: string) {
  let known = new Map<string, { readonly version: number; readonly target: ServiceTarget }>();
  return async () => {
    const services = await swarm.listServices(label);
    known = new Map(
      services.map(service => {
        const { id, version } = service;
        const before = known.get(id);
        return [id, before?.version === version ? before : { version, target: serviceTarget(service) }];
      }),
    );
    return [...known.values()].map(({ target }) => target);
  };
}
