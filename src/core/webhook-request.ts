import type { Delivery } from '../../providers/provider.ts';
import type { ServiceAction, ServiceRequest } from './operation.ts';
import type { ServiceTarget } from './target.ts';
import { imageForDelivery } from './webhook-image.ts';

/**
 * What a webhook asks of a service that wants it for an action.
 * @returns with `fault` when the event lacks something: then the request is what it would be without that
 */
export function requestForDelivery(
  action: ServiceAction,
  delivery: Delivery,
  target: ServiceTarget,
): { readonly request: ServiceRequest; readonly fault?: string } {
  if (action === 'clean') {
    return { request: { action, targetKind: 'service' } };
  }
  const image = imageForDelivery(delivery, target.labels.update.image);
  return 'fault' in image
    ? { request: { action, isForce: false }, fault: image.fault }
    : { request: { action, isForce: false, ...image } };
}
