import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { serviceTarget } from '../../src/core/target.ts';
import { createBackupsView } from '../../src/engine/backup/show-backups.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { createWorld, secret } from './world.ts';

const ownSecret = 'own-key-of-a-label';

function setUp() {
  const world = createWorld();
  const service = world.swarm.addService({
    name: 'db',
    labels: {
      'swarm-utils.backup.enable': 'true',
      'swarm-utils.backup.volume-list-upload': 'data',
      'swarm-utils.backup.volume-list-upload.s3.secret-key': ownSecret,
    },
  });
  const faults: unknown[] = [];
  const view = createBackupsView(world, (error, serviceName) => faults.push([error, serviceName]));
  return { world, faults, view: () => view(serviceTarget(service)) };
}

suite('what goes wrong while backups are listed', () => {
  test('is said without the secrets of environment and labels', async () => {
    const { world, faults, view } = setUp();
    world.swarm.fail('listNodes', new SwarmError('rejected', `no ${secret} nor ${ownSecret}`));
    await assert.rejects(view(), {
      code: 'rejected',
      message: 'The Engine refused: no [redacted] nor [redacted]',
    });
    assert.deepEqual(faults, []);
  });

  test('is told to the log alone where it names addresses or is a bug', async () => {
    for (const [error, code] of [
      [new SwarmError('unavailable', 'connect unix:///somewhere'), 'swarm_unavailable'],
      [new TypeError('a bug'), 'internal'],
    ] as const) {
      const { world, faults, view } = setUp();
      world.swarm.fail('listNodes', error, 10_000);
      await assert.rejects(view(), (thrown: Error & { code?: string }) => {
        assert.equal(thrown.code, code);
        assert.doesNotMatch(thrown.message, /somewhere|a bug/);
        return true;
      });
      assert.deepEqual(faults, [[error, 'db']]);
    }
  });

  test('names what the environment lacks', async () => {
    const { world, faults } = setUp();
    const { store } = world.settings.backup;
    const lacking = {
      ...world.settings,
      backup: { ...world.settings.backup, store: { ...store, s3: { ...store.s3, bucket: undefined } } },
    };
    const service = world.swarm.addService({
      name: 'shop',
      labels: { 'swarm-utils.backup.volume-list-upload': 'data' },
    });
    const list = createBackupsView({ ...world, settings: lacking }, error => faults.push(error));
    await assert.rejects(list(serviceTarget(service)), {
      code: 'backup_target_incomplete',
      message: /SWARM_UTILS_S3_BUCKET/,
    });
    assert.deepEqual(faults, []);
    assert.equal(world.swarm.calls.length, 0);
  });
});
