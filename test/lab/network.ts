import { readdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { LabError } from './lab-error.ts';
import type { LabLayout, NodeLayout } from './layout.ts';
import { ownsNamespace } from './layout.ts';
import { runChecked, runCommand } from './run-command.ts';

const namespaceFolder = '/run/netns';

/** The file of a network namespace, for nsenter and for the membership of processes. */
export function namespacePath(namespace: string): string {
  return `${namespaceFolder}/${namespace}`;
}

/** The lab's network namespaces as they are now, also those of an earlier shape. */
export async function listNamespaces(instance: number): Promise<string[]> {
  const names = await readdir(namespaceFolder).catch(() => []);
  return names.filter(name => ownsNamespace(instance, name));
}

/**
 * Builds the lab's network: a namespace with the switch, one per node, a cable each, and one to this machine. Nodes
 * reach one another and this machine, nothing else: whatever they send elsewhere is refused at once.
 * Throws `address-taken` where the machine itself uses the lab's addresses.
 */
export async function createNetwork(layout: LabLayout): Promise<void> {
  refuseTakenSubnet(layout);
  const { switchNamespace, hostLink, hostAddress, prefixLength } = layout;
  await ip([`netns add ${switchNamespace}`, ...layout.nodes.map(node => `netns add ${node.namespace}`)]);
  await ip([
    `link add ${hostLink} type veth peer name host netns ${switchNamespace}`,
    `addr add ${hostAddress}/${prefixLength} dev ${hostLink}`,
    `link set ${hostLink} up`,
  ]);
  await ip(
    [
      'link add bridge type bridge',
      'link set bridge up',
      'link set host master bridge up',
      ...layout.nodes.flatMap(node => [
        `link add ${node.port} type veth peer name eth0 netns ${node.namespace}`,
        `link set ${node.port} master bridge up`,
      ]),
    ],
    switchNamespace,
  );
  await Promise.all(
    layout.nodes.map(node =>
      ip(
        [
          'link set lo up',
          `addr add ${node.address}/${prefixLength} dev eth0`,
          'link set eth0 up',
          'route add unreachable default',
        ],
        node.namespace,
      ),
    ),
  );
}

/** Removes whatever of the lab's network is there. No process may be left in its namespaces. */
export async function removeNetwork(layout: LabLayout): Promise<void> {
  // A namespace's links go some time after it; deleting the cable itself is immediate.
  await runCommand('ip', ['link', 'delete', layout.hostLink]);
  const namespaces = await listNamespaces(layout.instance);
  if (namespaces.length > 0) {
    await ip(namespaces.map(namespace => `netns delete ${namespace}`));
  }
}

/** Whether every part of the lab's network is there. */
export async function isNetworkWhole(layout: LabLayout): Promise<boolean> {
  const present = new Set(await listNamespaces(layout.instance));
  const wanted = [layout.switchNamespace, ...layout.nodes.map(node => node.namespace)];
  return layout.hostLink in networkInterfaces() && wanted.every(namespace => present.has(namespace));
}

/** Plugs or pulls a node's cable at the switch, as the node sees it: its own addresses and routes stay. */
export async function setPort(layout: LabLayout, node: NodeLayout, state: 'up' | 'down'): Promise<void> {
  await ip([`link set ${node.port} ${state}`], layout.switchNamespace);
}

async function ip(commands: readonly string[], namespace?: string): Promise<void> {
  const within = namespace === undefined ? [] : ['-netns', namespace];
  await runChecked('ip', [...within, '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

function refuseTakenSubnet(layout: LabLayout): void {
  const network = layout.hostAddress.replace(/\d+$/, '');
  for (const [link, addresses] of Object.entries(networkInterfaces())) {
    const taken = addresses?.find(entry => entry.address.startsWith(network));
    if (taken && link !== layout.hostLink) {
      throw new LabError(
        'address-taken',
        `${link} of this machine has the address ${taken.address}: use another --instance than ${layout.instance}.`,
      );
    }
  }
}
