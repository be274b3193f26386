import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { appVersions } from './app-image.ts';
import { removeCgroup } from './cgroups.ts';
import { startDocker, waitForDocker } from './daemon.ts';
import { type Image, pushImage } from './image.ts';
import { buildLabImages } from './lab-images.ts';
import { createLabNode, killNode, type LabNode, nodeDaemon } from './lab-node.ts';
import { createLabRegistry } from './lab-registry.ts';
import { type LabState, writeState } from './lab-state.ts';
import { type LabLayout, type LabShape, layoutLab } from './layout.ts';
import { createNetwork, isNetworkWhole, listNamespaces, removeNetwork } from './network.ts';
import { offenDoubleImage, pushOffenImage } from './offen-image.ts';
import { createRegistryClient, type RegistryClient } from './registry-client.ts';
import { type RegistryCredentials, startRegistry, stopRegistry } from './registry-process.ts';
import { killCeph } from './s3-process.ts';
import { formSwarm, waitForNodes } from './swarm.ts';

type OnProgress = (message: string) => void;

/** Brings a lab up from nothing: whatever is left of an earlier one must have been removed. */
export async function bringUp(shape: LabShape, onProgress: OnProgress): Promise<LabState> {
  const layout = layoutLab(shape);
  const privateRegistry = { username: 'lab', password: randomBytes(15).toString('base64url') };
  await mkdir(layout.stateDir, { recursive: true });
  onProgress(`network ${layout.subnet}, ${layout.nodes.length} nodes`);
  await createNetwork(layout);
  // All of it is waited for, also when a part fails: what comes after would else be in its way.
  const [swarm, registries] = await Promise.allSettled([
    startSwarm(layout, onProgress),
    startRegistries(layout, privateRegistry, onProgress),
  ]);
  if (swarm.status === 'rejected') {
    throw swarm.reason;
  }
  if (registries.status === 'rejected') {
    throw registries.reason;
  }
  const state: LabState = {
    ...shape,
    swarmNodeIds: Object.fromEntries(swarm.value),
    privateRegistry,
    offenImage: registries.value,
  };
  await writeState(layout, state);
  return state;
}

/** Starts again what has died of a lab since. Answers false where only a new one helps. */
export async function heal(state: LabState, onProgress: OnProgress): Promise<boolean> {
  const layout = layoutLab(state);
  if (!(await isNetworkWhole(layout))) {
    return false;
  }
  try {
    const { nodes, manager } = labNodes(state);
    await Promise.all([
      startRegistry(layout.registries.open, undefined),
      startRegistry(layout.registries.private, state.privateRegistry),
      ...nodes.map(node => healNode(node, onProgress)),
    ]);
    const present = await waitForNodes(manager.engine(), nodes.length, 20_000);
    return nodes.every(node => present.get(node.name) === node.swarmNodeId);
  } catch (error) {
    onProgress(`the lab cannot be mended: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}

/** The nodes of a lab by its state, managers first, and the first of them. */
export function labNodes(state: LabState): { nodes: readonly LabNode[]; manager: LabNode } {
  const layout = layoutLab(state);
  const [manager, ...others] = layout.nodes.map(node =>
    createLabNode(layout, node, state.swarmNodeIds[node.name] ?? ''),
  );
  if (!manager) {
    throw new Error('unreachable: a layout has at least one node');
  }
  return { nodes: [manager, ...others], manager };
}

/** Takes down whatever there is of an instance: processes, namespaces, links, mounts, cgroups, files. */
export async function takeDown(instance: number): Promise<void> {
  // Names are found, not computed: whatever shape the lab had, and however far it came.
  const layout = layoutLab({ instance, nodes: 1, managers: 1 });
  const namespaces = await listNamespaces(instance);
  await Promise.all([
    ...namespaces.map(namespace => killNode({ namespace })),
    stopRegistry(layout.registries.open),
    stopRegistry(layout.registries.private),
    killCeph(layout.s3),
  ]);
  await removeNetwork(layout);
  await removeCgroup(layout.cgroup);
  await rm(layout.stateDir, { recursive: true, force: true });
}

async function healNode(node: LabNode, onProgress: OnProgress): Promise<void> {
  await node.setLink('up');
  await node.resumeDaemon();
  if (!(await node.isRunning())) {
    onProgress(`starting ${node.name} again`);
    await node.start();
  }
}

async function startSwarm(layout: LabLayout, onProgress: OnProgress): Promise<Map<string, string>> {
  await Promise.all(
    layout.nodes.map(async node => {
      const daemon = nodeDaemon(layout, node);
      await startDocker(daemon);
      await waitForDocker(daemon);
    }),
  );
  onProgress('Docker daemons answer; forming the swarm');
  const swarmNodeIds = await formSwarm(layout);
  onProgress('the swarm is ready');
  return swarmNodeIds;
}

/** Starts the registries with the images in them, and answers what offen's image is called if it could be had. */
async function startRegistries(
  layout: LabLayout,
  credentials: RegistryCredentials,
  onProgress: OnProgress,
): Promise<string | undefined> {
  const { open, private: closed } = layout.registries;
  const [images] = await Promise.all([
    buildLabImages(onProgress),
    startRegistry(open, undefined),
    startRegistry(closed, credentials),
  ]);
  const openClient = createRegistryClient(`${open.host}:${open.port}`);
  const privateClient = createRegistryClient(`${closed.host}:${closed.port}`, credentials);
  const pushApp = async (client: RegistryClient) => {
    // One after the other: they share their layers.
    for (const version of appVersions) {
      await pushImage(client, images.app[version], 'app', version);
    }
  };
  const push = (image: Image, name: string) => {
    const [repository = '', tag = ''] = name.split(':');
    return pushImage(openClient, image, repository, tag);
  };
  const [offenImage] = await Promise.all([
    pushOffenImage(createLabRegistry(open), onProgress),
    pushApp(openClient),
    pushApp(privateClient),
    push(images.dockerCli, 'docker:cli'),
    push(images.runner, 'runner:1'),
    push(images.restic, 'restic:1'),
    push(images.rclone, 'rclone:1'),
    push(images.offenDouble, offenDoubleImage),
    push(images.postgres, 'postgres:1'),
  ]);
  onProgress('registries answer and hold the images');
  return offenImage;
}
