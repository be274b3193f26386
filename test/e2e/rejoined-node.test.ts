import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openRestoreScene, type RestoreScene } from './restore-scene.ts';

describe('a machine that left the swarm and joined it again', { timeout: 300_000 }, () => {
  let scene: RestoreScene;
  before(async () => {
    scene = await openRestoreScene();
  });
  after(async () => {
    await scene.deployment.close();
    // Its swarm has another node now than the lab knows.
    await scene.lab.stop();
  });

  const entriesOf = async (hostname: string) => {
    const nodes = (await scene.lab.manager.engine().listNodes()) as {
      ID: string;
      Description: { Hostname: string };
      Status: { State: string };
    }[];
    return nodes.filter(({ Description }) => Description.Hostname === hostname);
  };
  const asAdmin = (path: string, fields: object) =>
    scene.deployment.api.post(path, fields, scene.deployment.secrets.adminToken);

  test('is the node of its name, and its old entry is told from it by the id', async () => {
    const { lab, docker } = scene;
    const worker = scene.node('worker-1');
    await scene.createBackedUp('kept', { data: '/data' });
    await scene.inVolume(worker, 'data', 'echo first >/v/content');
    const backup = await scene.backUp('kept');
    assert.equal(backup.status, 200, backup.text);

    await docker('service', 'scale', '--detach', 'kept=0');
    assert.equal((await worker.docker(['swarm', 'leave'])).exitCode, 0);
    const token = (await docker('swarm', 'join-token', '--quiet', 'worker')).trim();
    const joined = await worker.docker(['swarm', 'join', '--token', token, `${lab.manager.address}:2377`]);
    assert.equal(joined.exitCode, 0, joined.stderr);
    await scene.until('the old entry is down', async () => {
      const states = (await entriesOf('worker-1')).map(({ Status }) => Status.State).sort();
      return states.join() === 'down,ready';
    });
    const entries = await entriesOf('worker-1');
    const idOf = (state: string) => entries.find(({ Status }) => Status.State === state)?.ID ?? assert.fail();
    const [oldId, newId] = [idOf('down'), idOf('ready')];

    for (const nodeName of ['worker-1', newId]) {
      const cleaned = await asAdmin('/api/clean/node', { nodeName });
      assert.deepEqual([cleaned.status, cleaned.body.target.id], [200, newId], cleaned.text);
      await scene.inVolume(worker, 'data', 'echo second >/v/content');
      const restored = await asAdmin('/api/restore/service', { serviceName: 'kept', nodeName });
      assert.equal(restored.status, 200, restored.text);
      assert.equal(await scene.inVolume(worker, 'data', 'cat /v/content'), 'first\n');
    }
    const down = await asAdmin('/api/clean/node', { nodeName: oldId });
    assert.deepEqual([down.status, down.body.error.code], [424, 'node_unavailable'], down.text);
    await scene.assertNothingLeft();
  });
});
