import { BlockList, isIP } from 'node:net';
import type { Platform } from './platform.ts';

/** What constraints look at. */
export interface ConstrainedNode {
  readonly id: string;
  readonly hostname: string;
  readonly role: string;
  /** Its IP address, as the managers see it. */
  readonly address?: string;
  readonly platform?: Platform;
  readonly labels: Readonly<Record<string, string>>;
  /** Labels of its Engine (`daemon.json`). */
  readonly engineLabels: Readonly<Record<string, string>>;
}

/**
 * Whether the placement constraints of a service allow a node, as the swarm judges it: `==` and `!=`, without regard to
 * upper case. One that is not understood here excludes nothing: this is for telling what certainly cannot run.
 * @param constraints `node.role == manager`, `node.labels.zone!=a` …
 * @see github.com/moby/swarmkit, manager/constraint/constraint.go (NodeMatches)
 */
export function allowsNode(constraints: readonly string[], node: ConstrainedNode): boolean {
  return constraints.every(constraint => isMet(constraint, node));
}

function isMet(constraint: string, node: ConstrainedNode): boolean {
  const [, key = '', operator, wanted = ''] = /^\s*([\w.-]+)\s*(==|!=)\s*(.*?)\s*$/s.exec(constraint) ?? [];
  if (operator === undefined) {
    return true;
  }
  const isSame =
    key.toLowerCase() === 'node.ip' ? isAddress(wanted, node.address) : isValue(key, wanted, node);
  return isSame === undefined || isSame === (operator === '==');
}

/** @returns undefined for a key that is not known here */
function isValue(key: string, wanted: string, node: ConstrainedNode): boolean | undefined {
  const value = readKey(key, node);
  return value === undefined ? undefined : value.toLowerCase() === wanted.toLowerCase();
}

/** What is not there is empty. The key of a label is taken as it is written. */
function readKey(key: string, node: ConstrainedNode): string | undefined {
  const lower = key.toLowerCase();
  switch (lower) {
    case 'node.id':
      return node.id;
    case 'node.hostname':
      return node.hostname;
    case 'node.role':
      return node.role;
    case 'node.platform.os':
      return node.platform?.os ?? '';
    case 'node.platform.arch':
      return node.platform?.architecture ?? '';
    default:
  }
  if (lower.startsWith('node.labels.')) {
    return labelOf(node.labels, key.slice('node.labels.'.length));
  }
  return lower.startsWith('engine.labels.')
    ? labelOf(node.engineLabels, key.slice('engine.labels.'.length))
    : undefined;
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string {
  return Object.hasOwn(labels, key) ? (labels[key] ?? '') : '';
}

/** @param wanted an address, or a network: `10.0.0.0/8` */
function isAddress(wanted: string, address: string | undefined): boolean | undefined {
  const [network = '', prefix] = wanted.split('/');
  const family = isIP(network);
  const bits = prefix === undefined ? undefined : Number(prefix);
  const isRange =
    bits !== undefined && Number.isInteger(bits) && bits >= 0 && bits <= (family === 4 ? 32 : 128);
  if (family === 0 || (bits !== undefined && !isRange)) {
    return undefined;
  }
  if (address === undefined || isIP(address) === 0) {
    return false;
  }
  const list = new BlockList();
  if (bits === undefined) {
    list.addAddress(network, family === 4 ? 'ipv4' : 'ipv6');
  } else {
    list.addSubnet(network, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
}
