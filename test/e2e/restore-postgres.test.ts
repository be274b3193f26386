import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { backupToken, openRestoreScene, type RestoreScene, restoreToken } from './restore-scene.ts';

describe('restore of a database', { timeout: 420_000 }, () => {
  let scene: RestoreScene;
  before(async () => {
    scene = await openRestoreScene();
  });
  after(() => scene.close());

  const psql = async (name: string, sql: string) => {
    const [printed = ''] = await scene.inTasks(name, 'psql', '-Atc', sql);
    return printed.trim();
  };
  const replicas = async (name: string) =>
    (await scene.docker('service', 'inspect', '--format', '{{.Spec.Mode.Replicated.Replicas}}', name)).trim();

  for (const [engine, target] of [
    ['offen', 's3'],
    ['restic', 's3'],
    ['offen', 'local'],
    ['restic', 'local'],
  ] as const) {
    test(`${engine} brings it back from ${target}, both volumes, and it runs as before`, async () => {
      const name = `shop-${engine}-${target}`;
      const [data, dump] = [`${name}-data`, `${name}-dump`];
      const worker = scene.node('worker-1');
      await scene.createBackedUp(
        name,
        { [data]: '/var/lib/postgresql/data', [dump]: '/dump' },
        {
          image: scene.lab.images.postgres,
          labels: {
            'swarm-utils.backup.exec': 'pg_dump --format custom --file /dump/shop.dump',
            'swarm-utils.backup.engine': engine,
            'swarm-utils.backup.target': target,
          },
        },
      );
      await psql(name, 'create table t as select generate_series(1, 1000) n');
      const backedUp = await scene.backUp(name);
      assert.equal(backedUp.status, 200, backedUp.text);
      const list = 'find . -exec stat -c "%n %F %a %u:%g %s %Y" {} + | grep -v postmaster | sort';
      const before = await scene.inVolume(worker, dump, `cd /v && ${list}`);

      // What a person can do to it: the data under a running server, and the dump.
      const [container] = await scene.tasks(name);
      await worker.docker(['exec', `${container?.containerId}`, 'sh', '-c', 'rm -rf "$PGDATA"/* /dump/*']);
      await scene.inVolume(worker, dump, 'echo late >/v/late');

      const listed = await scene.deployment.api.get(`/api/backups?serviceName=${name}`, backupToken);
      assert.equal(listed.status, 200, listed.text);
      const [{ id, isComplete, archives }] = listed.body.backups;
      assert.deepEqual(
        [isComplete, archives.map(({ volume }: { volume: string }) => volume).sort()],
        [true, [data, dump].sort()],
      );

      const restored = await scene.restore(name);
      assert.equal(restored.status, 200, restored.text);
      assert.deepEqual(
        restored.body.steps.map((step: { name: string; status: string }) => `${step.name} ${step.status}`),
        ['find succeeded', 'stop succeeded', 'fetch succeeded', 'swap succeeded', 'start succeeded'],
      );
      assert.match(restored.body.steps[0].message, new RegExp(`^Backup ${id}: `));
      for (const { node, archive, files, sizeBytes } of restored.body.steps[2].volumes) {
        assert.equal(node, 'worker-1');
        assert.ok(files > 0 && sizeBytes > 0, JSON.stringify({ archive, files, sizeBytes }));
      }
      assert.equal(await psql(name, 'select sum(n) from t'), '500500');
      assert.equal(await replicas(name), '1');
      assert.equal(await scene.inVolume(worker, dump, `cd /v && ${list}`), before);
      assert.equal(await scene.inVolume(worker, data, 'ls -a /v | grep -c swarm-utils || true'), '0\n');
      await scene.assertNothingLeft();

      const [task] = await scene.tasks(name);
      const drill = await scene.deployment.api.post(
        '/api/restore/service?drill=true',
        { serviceName: name, backup: id },
        restoreToken,
      );
      assert.equal(drill.status, 200, drill.text);
      const countsOf = (volumes: { volume: string; files: number; sizeBytes: number }[]) =>
        volumes.map(({ volume, files, sizeBytes }) => ({ volume, files, sizeBytes }));
      assert.deepEqual(countsOf(drill.body.steps[1].volumes), countsOf(restored.body.steps[2].volumes));
      assert.deepEqual(await scene.tasks(name), [task]);
      await scene.assertNothingLeft();
      await scene.services.remove(name);
    });
  }
});
