import { parseServiceLabels, type ServiceLabels } from './labels.ts';
import { type NodeLabels, parseNodeLabels } from './node-labels.ts';

/** A service as `authorize` looks at it. */
export interface ServiceTarget {
  readonly kind: 'service';
  readonly id: string;
  readonly name: string;
  /** The image that its tasks run, as the spec has it. */
  readonly image: string;
  readonly labels: ServiceLabels;
}

/** A node as `authorize` looks at it. */
export interface NodeTarget {
  readonly kind: 'node';
  readonly id: string;
  /** Its host name. */
  readonly name: string;
  readonly labels: NodeLabels;
}

export type Target = ServiceTarget | NodeTarget;

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

/** Parses the labels of a node. */
export function nodeTarget(node: {
  readonly id: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
}): NodeTarget {
  const { id, hostname, labels } = node;
  return { kind: 'node', id, name: hostname, labels: parseNodeLabels(labels) };
}
