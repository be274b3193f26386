import { readdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { LabError } from './lab-error.ts';
import type { LabLayout } from './layout.ts';
import { ownsNamespace } from './layout.ts';
import { runChecked, runCommand } from './run-command.ts';

const namespaceFolder = '/run/netns';

/** What hangs on the lab's switch: a namespace with an address, and the port its cable is plugged into. */
interface NetworkHost {
  readonly address: string;
  readonly namespace: string;
  readonly port: string;
}

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
  await ip([`netns add ${switchNamespace}`]);
  await ip([
    `link add ${hostLink} type veth peer name host netns ${switchNamespace}`,
    `addr add ${hostAddress}/${prefixLength} dev ${hostLink}`,
    `link set ${hostLink} up`,
  ]);
  await ip(
    ['link add bridge type bridge', 'link set bridge up', 'link set host master bridge up'],
    switchNamespace,
  );
  await connectHosts(layout, layout.nodes);
}

/** Adds hosts to the lab's network: a namespace each, and a cable to the switch. */
export async function connectHosts(layout: LabLayout, hosts: readonly NetworkHost[]): Promise<void> {
  await ip(hosts.map(({ namespace }) => `netns add ${namespace}`));
  await ip(
    hosts.flatMap(({ namespace, port }) => [
      `link add ${port} type veth peer name eth0 netns ${namespace}`,
      `link set ${port} master bridge up`,
    ]),
    layout.switchNamespace,
  );
  await Promise.all(
    hosts.map(({ namespace, address }) =>
      ip(
        [
          'link set lo up',
          `addr add ${address}/${layout.prefixLength} dev eth0`,
          'link set eth0 up',
          'route add unreachable default',
        ],
        namespace,
      ),
    ),
  );
}

/** Takes a host off the network, and its namespace away. No process may be left in it. */
export async function removeHost(layout: LabLayout, { namespace, port }: NetworkHost): Promise<void> {
  await runCommand('ip', ['-netns', layout.switchNamespace, 'link', 'delete', port]);
  await runCommand('ip', ['netns', 'delete', namespace]);
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

/** Plugs or pulls a host's cable at the switch, as the host sees it: its own addresses and routes stay. */
export async function setPort(
  layout: LabLayout,
  { port }: Pick<NetworkHost, 'port'>,
  state: 'up' | 'down',
): Promise<void> {
  await ip([`link set ${port} ${state}`], layout.switchNamespace);
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
