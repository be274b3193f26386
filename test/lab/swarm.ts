import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { LabError } from './lab-error.ts';
import type { LabLayout, NodeLayout } from './layout.ts';

const swarmPort = 2377;

/** Makes one swarm of the nodes' fresh daemons and answers the swarm's node ids by node name. */
export async function formSwarm(layout: LabLayout): Promise<Map<string, string>> {
  const [first, ...others] = layout.nodes;
  if (!first) {
    throw new LabError('bad-argument', 'A lab has at least one node.');
  }
  const manager = engineOf(first);
  await manager.swarmInit({
    ListenAddr: `${first.address}:${swarmPort}`,
    AdvertiseAddr: first.address,
  });
  const swarm = (await manager.swarmInspect()) as { JoinTokens: { Manager: string; Worker: string } };
  const join = (node: NodeLayout) =>
    engineOf(node).swarmJoin({
      ListenAddr: `${node.address}:${swarmPort}`,
      AdvertiseAddr: node.address,
      RemoteAddrs: [`${first.address}:${swarmPort}`],
      JoinToken: node.role === 'manager' ? swarm.JoinTokens.Manager : swarm.JoinTokens.Worker,
    });
  // Managers one after another: each changes the members of the Raft group.
  for (const node of others.filter(({ role }) => role === 'manager')) {
    await join(node);
  }
  await Promise.all(others.filter(({ role }) => role === 'worker').map(join));
  return waitForNodes(manager, layout.nodes.length);
}

/**
 * Waits until the swarm has exactly that many nodes ready and answers their ids by host name. A manager that was away
 * knows its nodes again only when each has reported. Throws `timed-out`.
 */
export async function waitForNodes(
  manager: Docker,
  count: number,
  timeoutMs = 60_000,
): Promise<Map<string, string>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const nodes = (await manager.listNodes()) as readonly SwarmNode[];
    const ready = nodes.filter(node => node.Status.State === 'ready');
    if (ready.length === count) {
      return new Map(ready.map(node => [node.Description.Hostname, node.ID]));
    }
    if (performance.now() > deadline) {
      throw new LabError('timed-out', `${ready.length} of ${count} nodes are ready after ${timeoutMs} ms.`);
    }
    await sleep(50);
  }
}

interface SwarmNode {
  readonly ID: string;
  readonly Description: { readonly Hostname: string };
  readonly Status: { readonly State: string };
}

function engineOf(node: NodeLayout): Docker {
  return new Docker({ socketPath: node.socketPath });
}
