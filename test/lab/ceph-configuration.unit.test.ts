import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cephConfiguration } from './ceph-configuration.ts';
import { layoutLab } from './layout.ts';

describe('the configuration of a lab’s Ceph', () => {
  const { s3 } = layoutLab({ instance: 4, nodes: 1, managers: 1 });
  const lines = cephConfiguration(s3, 'a-cluster').split('\n');

  test('is one section of names and values', () => {
    assert.equal(lines[0], '[global]');
    assert.ok(lines.includes('fsid = a-cluster'));
    for (const line of lines.slice(1, -1)) {
      assert.match(line, /^[a-z ]+ = .*$/);
    }
  });

  test('listens on the lab’s own address and on the loopback of its namespace', () => {
    const addresses = lines.join('\n').match(/\d+\.\d+\.\d+\.\d+(?=:)/g) ?? [];
    assert.deepEqual([...new Set(addresses)], ['127.0.0.1', '10.77.4.253']);
  });

  test('writes nowhere but into the lab’s folder', () => {
    const paths = lines.join('\n').match(/\/\S+/g) ?? [];
    assert.ok(paths.length > 0);
    assert.deepEqual(
      paths.filter(path => !path.startsWith('/var/lib/swarm-utils-lab/4/s3')),
      [],
    );
  });
});
