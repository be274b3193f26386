import { parseServiceLabels, type ServiceLabels } from './labels.ts';

/** A service as `authorize` looks at it. */
export interface ServiceTarget {
  readonly kind: 'service';
  readonly id: string;
  readonly name: string;
  /** The image that its tasks run, as the spec has it. */
  readonly image: string;
  readonly labels: ServiceLabels;
}
export type Target = ServiceTarget;

/** Parses the labels of a service. */
export function serviceTarget(service: {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
}): ServiceTarget {
  const { id, name, image, labels } = service;
  return { kind: 'service', id, name, image, labels: parseServiceLabels(labels) };
}
