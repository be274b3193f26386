import { join } from 'node:path';
import { LabError } from './lab-error.ts';

/** Where everything of every lab lies. A lab's own state is gone after its `down`; caches stay. */
const stateRoot = '/var/lib/swarm-utils-lab';
/** What all instances share: image layers, base images, the build daemon's data, locks. */
export const cacheRoot = '/var/cache/swarm-utils-lab';

export type NodeRole = 'manager' | 'worker';

/** What a lab is asked to be. */
export interface LabShape {
  /** 0-9. People use 0, tests others. */
  readonly instance: number;
  /** Number of nodes, managers included: 1-50. */
  readonly nodes: number;
  /** How many of them are managers: at least 1. */
  readonly managers: number;
}

/** Names and addresses of one node: a network namespace with a Docker daemon of its own. */
export interface NodeLayout {
  /** Host name within the swarm: `manager-1`, `worker-1` … */
  readonly name: string;
  readonly role: NodeRole;
  readonly address: string;
  readonly namespace: string;
  /** The node's port on the lab's switch. */
  readonly port: string;
  readonly stateDir: string;
  readonly socketPath: string;
  /** Parent of the containers' cgroups, absolute within the cgroup tree. */
  readonly cgroup: string;
}

/** Names and addresses of one registry. */
export interface RegistryLayout {
  readonly name: 'open' | 'private';
  readonly host: string;
  readonly port: number;
  readonly stateDir: string;
}

/** Names and addresses of the lab's S3: a network namespace of its own, on the lab's switch as the nodes are. */
export interface S3Layout {
  readonly address: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly namespace: string;
  /** Its port on the lab's switch. */
  readonly port: string;
  readonly stateDir: string;
}

/** Every name and address of a lab; two instances have none in common. */
export interface LabLayout {
  readonly instance: number;
  /** What the name of every namespace and cgroup of the lab is or starts with. */
  readonly prefix: string;
  readonly stateDir: string;
  readonly stateFile: string;
  readonly subnet: string;
  readonly prefixLength: number;
  /** The machine itself as the lab's nodes see it; the registries listen there. */
  readonly hostAddress: string;
  /** The machine's own link into the lab. */
  readonly hostLink: string;
  /** The namespace that holds the bridge, so that the machine's own packet filter never sees the lab's traffic. */
  readonly switchNamespace: string;
  readonly cgroup: string;
  readonly nodes: readonly NodeLayout[];
  readonly registries: { readonly open: RegistryLayout; readonly private: RegistryLayout };
  readonly s3: S3Layout;
}

const maximumNodes = 50;

/** Computes every name and address of a lab. Throws `bad-argument` for a shape that cannot be. */
export function layoutLab(shape: LabShape): LabLayout {
  const { instance, nodes, managers } = shape;
  inRange('instance', instance, 0, 9);
  inRange('nodes', nodes, 1, maximumNodes);
  inRange('managers', managers, 1, nodes);

  const prefix = instancePrefix(instance);
  const stateDir = join(stateRoot, String(instance));
  const network = `10.77.${instance}`;
  const hostAddress = `${network}.254`;
  const registry = (name: 'open' | 'private', port: number): RegistryLayout => ({
    name,
    host: hostAddress,
    port,
    stateDir: join(stateDir, `registry-${name}`),
  });

  return {
    instance,
    prefix,
    stateDir,
    stateFile: join(stateDir, 'lab.json'),
    subnet: `${network}.0/24`,
    prefixLength: 24,
    hostAddress,
    hostLink: `swlab${instance}`,
    switchNamespace: prefix,
    cgroup: `/${prefix}`,
    nodes: Array.from({ length: nodes }, (_, index) => {
      const role = index < managers ? 'manager' : 'worker';
      const name = `${role}-${role === 'manager' ? index + 1 : index + 1 - managers}`;
      return {
        name,
        role,
        address: `${network}.${index + 1}`,
        namespace: `${prefix}-${name}`,
        port: `p-${name}`,
        stateDir: join(stateDir, name),
        socketPath: join(stateDir, name, 'docker.sock'),
        cgroup: `/${prefix}/${name}`,
      };
    }),
    registries: { open: registry('open', 5000), private: registry('private', 5001) },
    s3: {
      address: `${network}.253`,
      httpPort: 7480,
      httpsPort: 7443,
      namespace: `${prefix}-s3`,
      port: 'p-s3',
      stateDir: join(stateDir, 's3'),
    },
  };
}

/** Whether a network namespace belongs to the instance, whatever its shape was. */
export function ownsNamespace(instance: number, namespace: string): boolean {
  const prefix = instancePrefix(instance);
  return namespace === prefix || namespace.startsWith(`${prefix}-`);
}

function instancePrefix(instance: number): string {
  return `swarm-lab-${instance}`;
}

function inRange(what: string, value: number, minimum: number, maximum: number): void {
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw new LabError(
      'bad-argument',
      `${what} must be a whole number from ${minimum} to ${maximum}, not ${value}.`,
    );
  }
}
