import type { Delivery } from '../../providers/provider.ts';
import type { ActionName, ServiceRequest } from './operation.ts';
import type { ServiceTarget } from './target.ts';
import { imageForDelivery } from './webhook-image.ts';

/**
 * What a webhook asks of a service that wants it for an action.
 * @returns with `fault` when the event lacks something: then the request is what it would be without that
 */
export function requestForDelivery(
  action: ActionName,
  delivery: Delivery,
  target: ServiceTarget,
): { readonly request: ServiceRequest; readonly fault?: string } {
  switch (action) {
    case 'clean':
      return { request: { action, targetKind: 'service' } };
    case 'backup':
      return { request: { action } };
    case 'restore':
      return { request: { action, isDrill: false } };
    case 'update':
      return updateForDelivery(delivery, target);
  }
}

function updateForDelivery(
  delivery: Delivery,
  target: ServiceTarget,
): { readonly request: ServiceRequest; readonly fault?: string } {
  const action = 'update';
  const image = imageForDelivery(delivery, target.labels.update.image);
  return 'fault' in image
    ? { request: { action, isForce: false }, fault: image.fault }
    : { request: { action, isForce: false, ...image } };
}
