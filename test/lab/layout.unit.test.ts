import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { layoutLab, ownsNamespace } from './layout.ts';

describe('the layout of a lab', () => {
  test('puts managers first and numbers each role', () => {
    const { nodes } = layoutLab({ instance: 0, nodes: 5, managers: 3 });
    assert.deepEqual(
      nodes.map(node => `${node.name} ${node.role} ${node.address}`),
      [
        'manager-1 manager 10.77.0.1',
        'manager-2 manager 10.77.0.2',
        'manager-3 manager 10.77.0.3',
        'worker-1 worker 10.77.0.4',
        'worker-2 worker 10.77.0.5',
      ],
    );
  });

  test('gives instances nothing in common', () => {
    const names = [0, 1].map(instance => {
      const layout = layoutLab({ instance, nodes: 3, managers: 1 });
      const { nodes, registries, s3 } = layout;
      return [
        ...[layout.subnet, layout.hostLink, layout.switchNamespace, layout.stateDir, layout.cgroup],
        ...nodes.flatMap(node => [node.address, node.namespace, node.stateDir, node.socketPath, node.cgroup]),
        ...Object.values(registries).flatMap(({ host, port, stateDir }) => [`${host}:${port}`, stateDir]),
        ...[s3.address, s3.namespace, s3.stateDir],
      ];
    });
    const [first = [], second = []] = names;
    assert.deepEqual(
      first.filter(name => second.includes(name)),
      [],
    );
  });

  test('keeps within the kernel: 15 characters for a link, 107 for a socket', () => {
    const { nodes, hostLink } = layoutLab({ instance: 9, nodes: 50, managers: 50 });
    for (const { port, socketPath } of nodes) {
      assert.ok(port.length <= 15, port);
      assert.ok(socketPath.length <= 107, socketPath);
    }
    assert.ok(hostLink.length <= 15);
  });

  test('keeps every address of a lab apart', () => {
    const { nodes, hostAddress, s3 } = layoutLab({ instance: 0, nodes: 50, managers: 1 });
    const addresses = [...nodes.map(({ address }) => address), hostAddress, s3.address];
    assert.equal(new Set(addresses).size, 52);
  });

  test('refuses what cannot be', () => {
    for (const shape of [
      { instance: 10, nodes: 3, managers: 1 },
      { instance: Number.NaN, nodes: 3, managers: 1 },
      { instance: 0, nodes: 51, managers: 1 },
      { instance: 0, nodes: 2.5, managers: 1 },
      { instance: 0, nodes: 3, managers: 0 },
      { instance: 0, nodes: 3, managers: 4 },
    ]) {
      assert.throws(() => layoutLab(shape), { code: 'bad-argument' });
    }
  });

  test('knows its own namespaces', () => {
    assert.ok(ownsNamespace(1, 'swarm-lab-1'));
    assert.ok(ownsNamespace(1, 'swarm-lab-1-worker-7'));
    assert.ok(!ownsNamespace(1, 'swarm-lab-10'));
    assert.ok(!ownsNamespace(1, 'swarm-lab-2-worker-1'));
  });
});
