import { type AppVersion, appVersions } from './app-image.ts';
import { dockerCliName, pushDockerCli } from './docker-cli-image.ts';
import { engineHome } from './engine-programs.ts';
import { type EngineRelease, type Flavour, flavourName, flavourOfName, parseFlavour } from './flavours.ts';
import type { LabEngine } from './lab-engine.ts';
import { LabError } from './lab-error.ts';
import { bringUp, heal, labNodes, takeDown } from './lab-lifecycle.ts';
import type { LabNode } from './lab-node.ts';
import { createLabRegistry, type LabRegistry, type PrivateLabRegistry } from './lab-registry.ts';
import { resetLab } from './lab-reset.ts';
import { type LabS3, resetS3, startS3 } from './lab-s3.ts';
import { type LabState, readState } from './lab-state.ts';
import { type LabShape, layoutLab } from './layout.ts';
import { withLock } from './lock.ts';
import { offenDoubleImage } from './offen-image.ts';
import { installPackages, labPrograms } from './packages.ts';
import { requirePrivileges } from './privileges.ts';
import { type BuildOptions, buildProjectImage } from './project-image.ts';

/** References of the images in the lab's registries, ready for a service's specification. */
export interface LabImageReferences {
  /** The application in the open registry. */
  readonly app: Readonly<Record<AppVersion, string>>;
  /** The same in the private registry. */
  readonly privateApp: Readonly<Record<AppVersion, string>>;
  /**
   * A Docker client and a shell, for helper services. The client is of the nodes' release, or of the one that
   * SWARM_UTILS_LAB_CLIENT names (`20`).
   */
  readonly dockerCli: string;
  /** A shell and `curl`, for what a CI runner does. */
  readonly runner: string;
  /** The backup engines, as the published images have them: programs, names and entry points. */
  readonly restic: string;
  readonly rclone: string;
  /** offen/docker-volume-backup itself where Docker Hub can be reached, else its contract double. */
  readonly offen: string;
  /** Whether `offen` is the double. Say so in what a test prints. */
  readonly isOffenDouble: boolean;
  /** The double in any case: it refuses what the real one ignores in silence. */
  readonly offenDouble: string;
  /** PostgreSQL: volumes at /var/lib/postgresql/data and /dump, `pg_dump` and `psql` without arguments. */
  readonly postgres: string;
  /** Of a repository that the registry does not have: no node can pull it. */
  readonly missing: string;
}

/** A swarm of real Docker daemons on this machine, with two real registries. */
export interface Lab {
  readonly instance: number;
  /** What all its nodes run. */
  readonly engine: LabEngine;
  /** This machine's address as the nodes and their containers see it: servers of tests listen there. */
  readonly hostAddress: string;
  /** Managers first. */
  readonly nodes: readonly LabNode[];
  /** The first manager. */
  readonly manager: LabNode;
  readonly registry: LabRegistry;
  readonly privateRegistry: PrivateLabRegistry;
  readonly images: LabImageReferences;
  /**
   * Builds the image of this repository, or of another folder, from its Dockerfile and answers its reference in the
   * open registry. Unchanged sources are not built again. See `buildProjectImage`.
   */
  buildProjectImage(options?: BuildOptions): Promise<string>;
  /**
   * The image for helper services with the client of another Engine: pushed when it is first asked for. Throws
   * `command-failed` where it cannot be had.
   */
  dockerCliOf(engine: EngineRelease): Promise<string>;
  /** Starts the lab's S3, or mends and takes the one that runs: a second. It goes with the lab. */
  startS3(): Promise<LabS3>;
  /**
   * As after the start: no services, configs, secrets, networks, containers, volumes or node labels of anyone, every
   * node and registry running, no Docker logins, an S3 that runs empty. Images stay, on the nodes and in the registries.
   */
  reset(): Promise<void>;
  /** Takes the lab down; nothing of it is left but caches. */
  stop(): Promise<void>;
}

/** What to start and whom to tell about it. */
export interface StartOptions extends LabShape {
  /**
   * Default: the one that SWARM_UTILS_LAB_FLAVOUR names (`26-graph`), else that of the lab that runs, else the main one
   * (`mainFlavours`).
   */
  readonly flavour?: Flavour | undefined;
  readonly onProgress?: (message: string) => void;
}

/**
 * Brings a lab up, or mends and takes the one that is there. Safe after a killed run and with others doing the same.
 * Throws `not-supported` where this machine or user cannot have one, `other-shape` when one with other nodes or
 * another Engine runs.
 */
export async function startLab(options: StartOptions): Promise<Lab> {
  const { instance, nodes, managers, onProgress = () => undefined } = options;
  const named = process.env.SWARM_UTILS_LAB_FLAVOUR;
  const flavour = options.flavour ?? (named === undefined ? undefined : flavourOfName(named));
  const shape = { instance, nodes, managers };
  const layout = layoutLab(shape);
  requirePrivileges();
  await installPackages(labPrograms, onProgress);
  return withLock(
    layout.prefix,
    async () => {
      const state = await readState(instance);
      if (state && (await heal(state, onProgress))) {
        refuseOtherShape(state, shape, flavour);
        return withClient(createLab(state));
      }
      await takeDown(instance);
      try {
        return await withClient(createLab(await bringUp(shape, flavour, onProgress)));
      } catch (error) {
        await takeDown(instance);
        throw error;
      }
    },
    onProgress,
  );
}

/** A lab that is running already. Throws `not-running` where there is none. */
export async function connectLab(instance: number): Promise<Lab> {
  layoutLab({ instance, nodes: 1, managers: 1 });
  requirePrivileges();
  const state = await readState(instance);
  if (!state) {
    throw new LabError(
      'not-running',
      `No lab ${instance} is running. Start it: npm run lab -- up --instance ${instance}`,
    );
  }
  return createLab(state);
}

/** Takes down whatever there is of an instance, also what a killed run left. Harmless when there is nothing. */
export async function stopLab(instance: number, onProgress?: (message: string) => void): Promise<void> {
  const { prefix } = layoutLab({ instance, nodes: 1, managers: 1 });
  requirePrivileges();
  await withLock(prefix, () => takeDown(instance), onProgress);
}

function createLab(state: LabState): Lab {
  const layout = layoutLab(state);
  const { nodes, manager } = labNodes(state);
  const client = clientOfHelpers();
  const registry = createLabRegistry(layout.registries.open);
  const privateRegistry = {
    ...createLabRegistry(layout.registries.private, state.privateRegistry),
    ...state.privateRegistry,
  };
  const appIn = (from: LabRegistry) =>
    Object.fromEntries(appVersions.map(version => [version, from.reference(`app:${version}`)])) as Record<
      AppVersion,
      string
    >;
  const parts = {
    instance: layout.instance,
    engine: state.engine,
    hostAddress: layout.hostAddress,
    nodes,
    manager,
    registry,
    privateRegistry,
  };
  return {
    ...parts,
    images: {
      app: appIn(registry),
      privateApp: appIn(privateRegistry),
      dockerCli: registry.reference(client === undefined ? 'docker:cli' : dockerCliName(client)),
      runner: registry.reference('runner:1'),
      restic: registry.reference('restic:1'),
      rclone: registry.reference('rclone:1'),
      offen: registry.reference(state.offenImage ?? offenDoubleImage),
      isOffenDouble: state.offenImage === undefined,
      offenDouble: registry.reference(offenDoubleImage),
      postgres: registry.reference('postgres:1'),
      missing: registry.reference('missing:1'),
    },
    buildProjectImage: options => buildProjectImage(registry, options),
    async dockerCliOf(engine) {
      const home = await engineHome(engine, () => undefined);
      return registry.reference(await pushDockerCli(registry.client, engine, home));
    },
    startS3: () => withLock(layout.prefix, () => startS3(layout, () => undefined)),
    reset: async () => {
      await Promise.all([resetLab(parts), resetS3(layout)]);
    },
    stop: () => stopLab(layout.instance),
  };
}

/** The release of the client in the helpers' image where it is not that of the nodes. */
function clientOfHelpers(): EngineRelease | undefined {
  const named = process.env.SWARM_UTILS_LAB_CLIENT;
  return named === undefined ? undefined : parseFlavour(named, undefined).engine;
}

/** Sees to it that the helpers' image is there, whatever client it has. */
async function withClient(lab: Lab): Promise<Lab> {
  const client = clientOfHelpers();
  if (client !== undefined) {
    await lab.dockerCliOf(client);
  }
  return lab;
}

function refuseOtherShape(state: LabState, wanted: LabShape, flavour: Flavour | undefined): void {
  if (state.nodes !== wanted.nodes || state.managers !== wanted.managers) {
    throw new LabError(
      'other-shape',
      `Lab ${state.instance} runs with ${state.nodes} nodes, ${state.managers} of them managers. Take it down first.`,
    );
  }
  if (flavour !== undefined && flavourName(flavour) !== flavourName(state.engine)) {
    throw new LabError(
      'other-shape',
      `Lab ${state.instance} runs with the Engine ${flavourName(state.engine)}, not ${flavourName(flavour)}. Take it down first.`,
    );
  }
}
