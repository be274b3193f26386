import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { judgeStorage } from '../../../src/core/volume/storage.ts';

suite('volumes of one name on several nodes', () => {
  for (const type of ['nfs', 'nfs4', 'NFS', 'cifs', 'smb3', 'ceph', 'glusterfs', 'fuse.sshfs']) {
    test(`are one storage where the local driver mounts ${type}`, () => {
      const options = { type, o: 'addr=10.0.0.9,rw', device: ':/export' };
      assert.equal(judgeStorage({ driver: 'local', options }), 'shared');
      assert.equal(judgeStorage({ options }), 'shared');
    });
  }

  test('are one storage where the scope of their driver is global', () => {
    assert.equal(judgeStorage({ driver: 'rexray/ebs', options: {}, scope: 'global' }), 'shared');
  });

  test('are one for each node where the local driver has no options, binds a folder, or mounts a disk', () => {
    const all: readonly Readonly<Record<string, string>>[] = [
      {},
      { type: 'none', o: 'bind', device: '/srv/data' },
      { type: 'ext4', device: '/dev/sdb1' },
      { type: 'tmpfs', device: 'tmpfs' },
    ];
    for (const options of all) {
      assert.equal(judgeStorage({ options, scope: 'local' }), 'local');
    }
  });

  test('can not be judged where another driver says no more', () => {
    assert.equal(judgeStorage({ driver: 'vieux/sshfs', options: { sshcmd: 'a@b:/c' } }), 'unknown');
    assert.equal(judgeStorage({ driver: 'vieux/sshfs', options: {}, scope: 'local' }), 'unknown');
  });
});
