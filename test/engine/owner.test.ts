import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createOwner, isAlive, readContainerId } from '../../src/engine/owner.ts';
import { createFakeSwarm } from '../fixtures/fake-swarm.ts';

const id = '4f1c0d5e'.repeat(8);

test('the id of a container is read from what Docker binds into it, whatever its host name is', () => {
  const mountinfo = [
    '1021 1019 0:53 / / ro,relatime master:302 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/X',
    `1030 1021 254:1 /var/lib/docker/containers/${id}/resolv.conf /etc/resolv.conf ro - ext4 /dev/vda1 rw`,
    `1031 1021 254:1 /var/lib/docker/containers/${id}/hostname /etc/hostname ro - ext4 /dev/vda1 rw`,
  ].join('\n');
  assert.equal(readContainerId(mountinfo), id);
  assert.equal(readContainerId('24 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw'), undefined);
  assert.equal(readContainerId(''), undefined);
});

test('each life of a container is an owner of its own', () => {
  const [one, other] = [createOwner(id), createOwner(id)];
  assert.notEqual(one, other);
  assert.ok(one.startsWith(`${id}/`));
});

suite('an owner is', () => {
  const self = createOwner('aaaaaaaaaaaa');
  const setUp = () => {
    const swarm = createFakeSwarm();
    const { id: serviceId } = swarm.addService({ name: 'swarm-utils' });
    swarm.addTask({ serviceId, containerId: id });
    return swarm;
  };

  test('alive when it is asked itself', async () => {
    const swarm = setUp();
    assert.equal(await isAlive(swarm, self, self), true);
    assert.deepEqual(swarm.calls, []);
  });

  test('alive while a task runs in its container, by the whole id or its beginning', async () => {
    for (const owner of [createOwner(id), createOwner(id.slice(0, 12)), id]) {
      assert.equal(await isAlive(setUp(), self, owner), true, owner);
    }
  });

  test('dead in an earlier life', async () => {
    assert.equal(await isAlive(setUp(), self, createOwner('aaaaaaaaaaaa')), false);
  });

  test('dead where no task runs in its container, and what is no container is not asked for', async () => {
    assert.equal(await isAlive(setUp(), self, createOwner('b'.repeat(64))), false);
    for (const owner of ['', '/', 'true', 'a-host/1', '4', `${id}0`, '4F1C0D5E4F1C']) {
      const swarm = setUp();
      assert.equal(await isAlive(swarm, self, owner), false, owner);
      assert.deepEqual(swarm.calls, []);
    }
  });
});
