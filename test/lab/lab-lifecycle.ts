import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import Docker from 'dockerode';
import { appVersions } from './app-image.ts';
import { removeCgroup } from './cgroups.ts';
import { startDocker, waitForDocker } from './daemon.ts';
import { pushDockerCli } from './docker-cli-image.ts';
import { type EngineHome, engineHome, presentEngineHome } from './engine-programs.ts';
import { engineReleases, type Flavour, mainFlavours } from './flavours.ts';
import { type Image, pushImage } from './image.ts';
import { askEngine, describeEngine, type LabEngine } from './lab-engine.ts';
import { buildLabImages } from './lab-images.ts';
import { createLabNode, killNode, type LabNode, type NodeEngine, nodeDaemon } from './lab-node.ts';
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

/**
 * Brings a lab up from nothing: whatever is left of an earlier one must have been removed.
 * @param flavour Default: the main one, or what stands in for it
 */
export async function bringUp(
  shape: LabShape,
  flavour: Flavour | undefined,
  onProgress: OnProgress,
): Promise<LabState> {
  const nodeEngine = await chooseEngine(flavour, onProgress);
  const layout = layoutLab(shape);
  const privateRegistry = { username: 'lab', password: randomBytes(15).toString('base64url') };
  await mkdir(layout.stateDir, { recursive: true });
  onProgress(`network ${layout.subnet}, ${layout.nodes.length} nodes`);
  await createNetwork(layout);
  // All of it is waited for, also when a part fails: what comes after would else be in its way.
  const [swarm, registries] = await Promise.allSettled([
    startSwarm(layout, nodeEngine, onProgress),
    startRegistries(layout, nodeEngine.home, privateRegistry, onProgress),
  ]);
  if (swarm.status === 'rejected') {
    throw swarm.reason;
  }
  if (registries.status === 'rejected') {
    throw registries.reason;
  }
  const state: LabState = {
    ...shape,
    engine: swarm.value.engine,
    tree: nodeEngine.home.tree,
    swarmNodeIds: Object.fromEntries(swarm.value.nodeIds),
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
    const areThere = nodes.every(node => present.get(node.name) === node.swarmNodeId);
    return areThere && (await haveTheirRoles(nodes, manager));
  } catch (error) {
    onProgress(`the lab cannot be mended: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}

/** A test may promote a node, and a demotion takes the swarm as long as it takes. */
async function haveTheirRoles(nodes: readonly LabNode[], manager: LabNode): Promise<boolean> {
  const listed = (await manager.engine().listNodes()) as readonly { ID: string; ManagerStatus?: object }[];
  return nodes.every(({ role, swarmNodeId }) => {
    const node = listed.find(({ ID }) => ID === swarmNodeId);
    return node !== undefined && (node.ManagerStatus !== undefined) === (role === 'manager');
  });
}

/** The nodes of a lab by its state, managers first, and the first of them. */
export function labNodes(state: LabState): { nodes: readonly LabNode[]; manager: LabNode } {
  const layout = layoutLab(state);
  const nodeEngine = { flavour: state.engine, home: state.tree === undefined ? {} : { tree: state.tree } };
  const [manager, ...others] = layout.nodes.map(node =>
    createLabNode(layout, node, nodeEngine, state.swarmNodeIds[node.name] ?? ''),
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

/** The clients of all Engines that are there, by hand for any pair of client and Engine. */
async function pushPresentClients(client: RegistryClient): Promise<void> {
  for (const engine of engineReleases) {
    const home = await presentEngineHome(engine);
    if (home) {
      await pushDockerCli(client, engine, home);
    }
  }
}

/** The Engine that nodes are to run. Says loudly when another one stands in for the main one. */
async function chooseEngine(flavour: Flavour | undefined, onProgress: OnProgress): Promise<NodeEngine> {
  if (flavour !== undefined) {
    return { flavour, home: await engineHome(flavour.engine, onProgress) };
  }
  const [main, standIn] = mainFlavours;
  try {
    return { flavour: main, home: await engineHome(main.engine, onProgress) };
  } catch (error) {
    onProgress(`!!! Engine ${main.engine} cannot be had: ${error instanceof Error ? error.message : error}`);
    onProgress(`!!! Engine ${standIn.engine} stands in for it, with the image store ${standIn.store}`);
    return { flavour: standIn, home: await engineHome(standIn.engine, onProgress) };
  }
}

async function healNode(node: LabNode, onProgress: OnProgress): Promise<void> {
  await node.setLink('up');
  await node.resumeDaemon();
  if (!(await node.isRunning())) {
    onProgress(`starting ${node.name} again`);
    await node.start();
  }
}

async function startSwarm(
  layout: LabLayout,
  nodeEngine: NodeEngine,
  onProgress: OnProgress,
): Promise<{ engine: LabEngine; nodeIds: Map<string, string> }> {
  await Promise.all(
    layout.nodes.map(async node => {
      const daemon = nodeDaemon(layout, node, nodeEngine);
      await startDocker(daemon);
      await waitForDocker(daemon);
    }),
  );
  const engine = await askEngine(new Docker({ socketPath: layout.nodes[0]?.socketPath }), nodeEngine.flavour);
  onProgress(`${describeEngine(engine)}; forming the swarm`);
  const nodeIds = await formSwarm(layout);
  onProgress('the swarm is ready');
  return { engine, nodeIds };
}

/** Starts the registries with the images in them, and answers what offen's image is called if it could be had. */
async function startRegistries(
  layout: LabLayout,
  home: EngineHome,
  credentials: RegistryCredentials,
  onProgress: OnProgress,
): Promise<string | undefined> {
  const { open, private: closed } = layout.registries;
  const [images] = await Promise.all([
    buildLabImages(home, onProgress),
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
    pushPresentClients(openClient),
    push(images.runner, 'runner:1'),
    push(images.restic, 'restic:1'),
    push(images.rclone, 'rclone:1'),
    push(images.offenDouble, offenDoubleImage),
    push(images.postgres, 'postgres:1'),
  ]);
  onProgress('registries answer and hold the images');
  return offenImage;
}
