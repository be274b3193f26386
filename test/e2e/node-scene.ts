import assert from 'node:assert/strict';
import type { LabNode } from '../lab/lab-node.ts';
import type { Answer } from './api-client.ts';
import type { Session } from './session.ts';

/** What tests of the clean of a node do and look at. */
export interface NodeScene {
  node(name: string): LabNode;
  /** Asks for a clean, by default as an admin. */
  clean(nodeName: string, fields?: object, token?: string): Promise<Answer>;
  /** Runs the Docker CLI on a node; it must succeed. */
  docker(node: LabNode, ...args: readonly string[]): Promise<string>;
  /** Makes an image on a node alone, with so many bytes that no other has. Answers its id. */
  makeImage(node: LabNode, name: string, bytes: number): Promise<string>;
  /** Ids, tags and digests of all images of a node, sorted. */
  images(node: LabNode): Promise<readonly string[]>;
  /** The names of all containers of a node. */
  containers(node: LabNode): Promise<readonly string[]>;
  /** What the writable layers of stopped containers take, as the node's Engine has it. */
  containerBytes(node: LabNode): Promise<number>;
  label(nodeName: string, labels: Readonly<Record<string, string>>): Promise<void>;
  /** Takes all labels off a node. */
  unlabel(nodeName: string): Promise<void>;
}

export function createNodeScene(session: Session): NodeScene {
  const { lab, deployment } = session;
  const docker: NodeScene['docker'] = async (node, ...args) => {
    const { exitCode, stdout, stderr } = await node.docker(args);
    // What a container's own command ends with is the test's affair.
    assert.ok(
      exitCode === 0 || (args[0] === 'run' && (exitCode ?? 125) < 125),
      `docker ${args.join(' ')}: ${stderr}`,
    );
    return stdout.trim();
  };
  return {
    node: name => lab.nodes.find(node => node.name === name) ?? assert.fail(name),
    clean: (nodeName, fields = {}, token = 'token' in fields ? undefined : deployment.secrets.adminToken) =>
      deployment.api.post('/api/clean/node', { nodeName, ...fields }, token),
    docker,
    async makeImage(node, name, bytes) {
      const container = `maker-${Math.random().toString(36).slice(2)}`;
      const write = `head -c ${bytes} /dev/urandom > /blob`;
      await docker(node, 'run', '--name', container, lab.images.runner, 'sh', '-c', write);
      const id = await docker(node, 'commit', container, name);
      await docker(node, 'rm', container);
      return id;
    },
    async images(node) {
      const found = await node.engine().listImages();
      return found
        .flatMap(({ Id, RepoTags, RepoDigests }) => [
          Id,
          ...(RepoTags ?? []),
          ...(RepoDigests ?? []).map(digest => digest.slice(digest.indexOf('@') + 1)),
        ])
        .sort();
    },
    async containers(node) {
      const found = await node.engine().listContainers({ all: true });
      return found.flatMap(({ Names }) => Names.map(name => name.slice(1)));
    },
    async containerBytes(node) {
      const { Containers: containers } = await node.engine().df();
      return (containers as readonly { State: string; SizeRw?: number }[])
        .filter(({ State }) => State === 'exited')
        .reduce((sum, { SizeRw = 0 }) => sum + SizeRw, 0);
    },
    async label(nodeName, labels) {
      const changes = Object.entries(labels).flatMap(([label, value]) => [
        '--label-add',
        `${label}=${value}`,
      ]);
      await session.docker('node', 'update', ...changes, nodeName);
    },
    async unlabel(nodeName) {
      const json = await session.docker('node', 'inspect', '--format', '{{json .Spec.Labels}}', nodeName);
      const labels = Object.keys((JSON.parse(json) as Record<string, string> | null) ?? {});
      const changes = labels.flatMap(label => ['--label-rm', label]);
      await session.docker('node', 'update', ...changes, nodeName);
    },
  };
}
