import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { removeCgroup } from './cgroups.ts';
import { startDocker, waitForDocker } from './daemon.ts';
import { pushImage } from './image.ts';
import { appVersions, buildLabImages, type LabImages } from './lab-images.ts';
import { createLabNode, killNode, nodeDaemon } from './lab-node.ts';
import { type LabState, writeState } from './lab-state.ts';
import { type LabLayout, type LabShape, layoutLab } from './layout.ts';
import { createNetwork, isNetworkWhole, listNamespaces, removeNetwork } from './network.ts';
import { createRegistryClient } from './registry-client.ts';
import { startRegistry, stopRegistry } from './registry-process.ts';
import { formSwarm } from './swarm.ts';

type OnProgress = (message: string) => void;

/** Brings a lab up from nothing. Whatever is left of an earlier one must have been removed. */
export async function bringUp(shape: LabShape, onProgress: OnProgress): Promise<LabState> {
  const layout = layoutLab(shape);
  const privateRegistry = { username: 'lab', password: randomBytes(15).toString('base64url') };
  await mkdir(layout.stateDir, { recursive: true });

  onProgress(`network ${layout.subnet}, ${layout.nodes.length} nodes`);
  const images = buildLabImages(onProgress);
  images.catch(() => undefined);
  await createNetwork(layout);
  const [swarmNodeIds] = await Promise.all([
    startNodes(layout, onProgress),
    startRegistries(layout, privateRegistry, images, onProgress),
  ]);
  const state = { ...shape, swarmNodeIds: Object.fromEntries(swarmNodeIds), privateRegistry };
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
    await startRegistry(layout.registries.open, undefined);
    await startRegistry(layout.registries.private, state.privateRegistry);
    for (const nodeLayout of layout.nodes) {
      const node = createLabNode(layout, nodeLayout, state.swarmNodeIds[nodeLayout.name] ?? '');
      await node.setLink('up');
      await node.resumeDaemon();
      if (!(await node.isRunning())) {
        onProgress(`starting ${node.name} again`);
        await node.start();
      }
    }
    return true;
  } catch (error) {
    onProgress(`the lab cannot be mended: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}

/** Takes down whatever there is of an instance: processes, namespaces, links, mounts, cgroups, files. */
export async function takeDown(instance: number, state: LabState | undefined): Promise<void> {
  const layout = layoutLab(state ?? { instance, nodes: 1, managers: 1 });
  const namespaces = await listNamespaces(instance);
  await Promise.all([
    ...namespaces.map(namespace => killNode({ namespace })),
    stopRegistry(layout.registries.open),
    stopRegistry(layout.registries.private),
  ]);
  await removeNetwork(layout);
  await removeCgroup(layout.cgroup);
  await rm(layout.stateDir, { recursive: true, force: true });
}

async function startNodes(layout: LabLayout, onProgress: OnProgress): Promise<Map<string, string>> {
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

async function startRegistries(
  layout: LabLayout,
  credentials: LabState['privateRegistry'],
  images: Promise<LabImages>,
  onProgress: OnProgress,
): Promise<void> {
  const { open, private: closed } = layout.registries;
  await Promise.all([startRegistry(open, undefined), startRegistry(closed, credentials)]);
  const { app, dockerCli, runner } = await images;
  const openClient = createRegistryClient(`${open.host}:${open.port}`);
  const privateClient = createRegistryClient(`${closed.host}:${closed.port}`, credentials);
  for (const version of appVersions) {
    await pushImage(openClient, app[version], 'app', version);
    await pushImage(privateClient, app[version], 'app', version);
  }
  await pushImage(openClient, dockerCli, 'docker', 'cli');
  await pushImage(openClient, runner, 'runner', '1');
  onProgress('registries answer and hold the images');
}
