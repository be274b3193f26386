import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { LabError } from './lab-error.ts';
import type { LabNode } from './lab-node.ts';
import type { LabRegistry } from './lab-registry.ts';
import { waitForNodes } from './swarm.ts';

/** What a reset touches. */
interface ResetParts {
  readonly nodes: readonly LabNode[];
  readonly manager: LabNode;
  readonly registry: LabRegistry;
  readonly privateRegistry: LabRegistry;
}

// What every daemon and swarm has from the start.
const defaultNetworks = new Set(['bridge', 'host', 'none', 'ingress', 'docker_gwbridge']);

/** See `Lab.reset`. Throws `timed-out` when a part of it takes more than 30 s. */
export async function resetLab({ nodes, manager, registry, privateRegistry }: ResetParts): Promise<void> {
  await Promise.all([registry.start(), privateRegistry.start(), ...nodes.map(bringBack)]);

  const swarm = manager.engine();
  await waitForNodes(swarm, nodes.length, 30_000);
  const services = await swarm.listServices();
  await Promise.all(services.map(({ ID }) => gone(swarm.getService(ID).remove())));
  await Promise.all([
    resetNodes(swarm),
    ...(await swarm.listConfigs()).map(({ ID }) => gone(swarm.getConfig(ID ?? '').remove())),
    ...(await swarm.listSecrets()).map(({ ID }) => gone(swarm.getSecret(ID).remove())),
    ...nodes.map(node => removeContainers(node.engine())),
  ]);
  await removeNetworks(swarm);
  await Promise.all(nodes.map(node => removeLocals(node)));
}

async function bringBack(node: LabNode): Promise<void> {
  await node.setLink('up');
  await node.resumeDaemon();
  await node.start();
}

/** Removes containers until none comes any more: the agent may be starting one while its service goes. */
async function removeContainers(engine: Docker): Promise<void> {
  await repeat('containers cannot be removed', async () => {
    const containers = await engine.listContainers({ all: true });
    await Promise.all(
      containers.map(({ Id }) => gone(engine.getContainer(Id).remove({ force: true, v: true }))),
    );
    return containers.length === 0;
  });
}

/** Swarm networks can be removed once the swarm has seen the end of the last task in them. */
async function removeNetworks(swarm: Docker): Promise<void> {
  await repeat('networks cannot be removed', async () => {
    const networks = (await swarm.listNetworks()).filter(({ Name }) => !defaultNetworks.has(Name));
    await Promise.all(networks.map(({ Id }) => gone(swarm.getNetwork(Id).remove())));
    return networks.length === 0;
  });
}

/** What only the node itself knows of: its volumes, networks of its own, logins. */
async function removeLocals(node: LabNode): Promise<void> {
  const engine = node.engine();
  const networks = (await engine.listNetworks()).filter(
    ({ Name, Scope }) => Scope === 'local' && !defaultNetworks.has(Name),
  );
  await Promise.all(networks.map(({ Id }) => gone(engine.getNetwork(Id).remove())));
  await removeContainers(engine);
  const { Volumes: volumes } = await engine.listVolumes();
  await Promise.all((volumes ?? []).map(({ Name }) => gone(engine.getVolume(Name).remove())));
  await rm(join(dirname(node.socketPath), 'docker-config'), { recursive: true, force: true });
}

async function resetNodes(swarm: Docker): Promise<void> {
  for (const node of (await swarm.listNodes()) as readonly SwarmNode[]) {
    const { Labels: labels, Availability: availability, Role: role } = node.Spec;
    if (Object.keys(labels).length > 0 || availability !== 'active') {
      await swarm
        .getNode(node.ID)
        .update({ version: node.Version.Index, Role: role, Availability: 'active', Labels: {} });
    }
  }
}

interface SwarmNode {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: {
    readonly Labels: Readonly<Record<string, string>>;
    readonly Role: string;
    readonly Availability: string;
  };
}

/** A removal that may come too early (in use) or too late (gone already): the next look decides. */
async function gone(removal: Promise<unknown>): Promise<void> {
  await removal.catch((error: { statusCode?: number }) => {
    if (error.statusCode === undefined) {
      throw error;
    }
  });
}

async function repeat(what: string, isDone: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await isDone())) {
    if (performance.now() > deadline) {
      throw new LabError('timed-out', `After 30 s the lab's ${what}.`);
    }
    await sleep(30);
  }
}
