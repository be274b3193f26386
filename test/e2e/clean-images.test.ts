import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabNode } from '../lab/lab-node.ts';
import { runCommand } from '../lab/run-command.ts';
import type { Answer } from './api-client.ts';
import { createImageShapes, type ImageShapes } from './image-shapes.ts';
import { createNodeScene, type NodeScene } from './node-scene.ts';
import { openSession, type Session } from './session.ts';

const MEBIBYTE = 1024 * 1024;

describe('images and containers of a node', { timeout: 300_000 }, () => {
  let session: Session;
  let scene: NodeScene;
  let worker: LabNode;
  let shapes: ImageShapes;
  before(async () => {
    session = await openSession();
    scene = createNodeScene(session);
    worker = scene.node('worker-1');
    shapes = createImageShapes(session.lab, worker.engine());
  });
  after(() => session.close());

  const stepOf = ({ body }: Answer, name: string) =>
    body.steps.find((step: { name: string }) => step.name === name) ??
    assert.fail(`${name}: ${JSON.stringify(body)}`);

  /** What the folder takes in which the node's Engine keeps its images, once that does not change any more. */
  async function storeBytes(): Promise<number> {
    const data = join(worker.socketPath, '..', 'data');
    const folder = session.lab.engine.store === 'containerd' ? 'containerd/daemon' : 'overlay2';
    let before = Number.NaN;
    for (;;) {
      const { stdout } = await runCommand('du', ['--summarize', '--block-size=1', join(data, folder)]);
      const now = Number.parseInt(stdout, 10);
      if (now === before) {
        return now;
      }
      before = now;
      await sleep(1000);
    }
  }

  /**
   * Cleans the node, and does something when what there is has been read, before anything of it is removed: meanwhile the
   * node takes no tasks, and so not yet the helper that removes.
   */
  async function cleanAround(meanwhile: () => Promise<unknown>): Promise<Answer> {
    const manager = session.lab.manager.engine();
    const helperOf = async () => (await session.helpers()).find(name => name.includes('clean'));
    const started = await scene.clean('worker-1', { waitRes: false });
    assert.equal(started.status, 202, started.text);
    let first = '';
    await session.until('the helper that reads has its node', async () => {
      first = (await helperOf()) ?? '';
      const filters = JSON.stringify({ service: [first] });
      const tasks = first === '' ? [] : await manager.listTasks({ filters }).catch(() => []);
      return tasks.some(({ NodeID }: { NodeID?: string }) => NodeID !== undefined);
    });
    await worker.setAvailability('pause');
    try {
      await session.until('the helper that removes is to come', async () => {
        const second = await helperOf();
        return second !== undefined && second !== first;
      });
      await meanwhile();
    } finally {
      await worker.setAvailability('active');
    }
    const body = await session.verdict(started.body.id);
    return { ...started, status: 200, body, text: JSON.stringify(body) };
  }

  const hasImage = async (idOrName: string) => (await scene.images(worker)).includes(idOrName);

  test('an image that services pulled from two repositories goes in one clean', async () => {
    const { lab } = session;
    const on = ['--constraint', 'node.hostname==worker-1', '--no-healthcheck'];
    const digest = await lab.registry.tag('app:slow', 'staging/app:v1');
    await lab.registry.tag('app:slow', 'prod/app:v1');
    for (const stage of ['staging', 'prod']) {
      await session.create(`app-${stage}`, { image: lab.registry.reference(`${stage}/app:v1`), args: on });
    }
    assert.ok(await hasImage(digest));
    const kept = await scene.clean('worker-1');
    assert.equal(kept.status, 200, kept.text);
    assert.ok(await hasImage(digest), 'a service needs it');
    await session.services.remove('app-staging', 'app-prod');
    await session.until('its tasks are gone', async () =>
      (await scene.containers(worker)).every(name => !name.startsWith('app-')),
    );
    const cleaned = await scene.clean('worker-1');
    assert.equal(cleaned.status, 200, cleaned.text);
    assert.ok(!(await hasImage(digest)), cleaned.text);
    assert.deepEqual(stepOf(cleaned, 'images').removal.refused, []);
    assert.equal(cleaned.body.warnings, undefined);
  });

  test('the bytes are those that the disk has got back, of layers that others share too', async () => {
    await scene.label('worker-1', { 'swarm-utils.clean.container.enable': 'false' });
    const base = await scene.makeImage(worker, 'fat.test/base:1', 50 * MEBIBYTE);
    const grow = async (name: string, bytes: number) => {
      const write = `head -c ${bytes} /dev/urandom > /${name}`;
      await scene.docker(worker, 'run', '--name', name, 'fat.test/base:1', 'sh', '-c', write);
      await scene.docker(worker, 'commit', name, `fat.test/${name}:1`);
      await scene.docker(worker, 'rm', name);
    };
    await grow('stays', 1000);
    await grow('goes', 60 * MEBIBYTE);
    await scene.docker(worker, 'create', '--name', 'holder', 'fat.test/stays:1');

    const assertNear = async () => {
      const before = await storeBytes();
      const answer = await scene.clean('worker-1');
      assert.equal(answer.status, 200, answer.text);
      const lost = before - (await storeBytes());
      const { reclaimedBytes, removed } = stepOf(answer, 'images').removal;
      const detail = `${reclaimedBytes} bytes reported, ${lost} less on the disk: ${JSON.stringify(removed)}`;
      assert.ok(lost >= 50 * MEBIBYTE, detail);
      if (session.lab.engine.engine === '26' && session.lab.engine.store === 'containerd') {
        // It does not count what is compressed, so how much it was is not known.
        assert.equal(reclaimedBytes, undefined);
        assert.match(stepOf(answer, 'images').message, /how many bytes is not known/);
      } else {
        assert.ok(Math.abs(reclaimedBytes - lost) <= Math.max(lost / 100, MEBIBYTE), detail);
      }
      return answer;
    };
    await assertNear();
    assert.ok(!(await hasImage('fat.test/goes:1')) && (await hasImage(base)));
    await scene.docker(worker, 'rm', 'holder');
    await assertNear();
    assert.ok(!(await hasImage(base)));
    await scene.unlabel('worker-1');
  });

  test('what was started, paused or removed since it was chosen is left, with a warning and no failure', async () => {
    const names = ['started', 'paused', 'gone', 'idle'];
    for (const name of names) {
      await scene.docker(
        worker,
        'create',
        '--name',
        name,
        session.lab.images.runner,
        'sh',
        '-c',
        '[ ! -e /ran ] || sleep 1000; touch /ran',
      );
      await scene.docker(worker, 'start', '--attach', name);
    }
    const answer = await cleanAround(async () => {
      const container = (name: string) => worker.engine().getContainer(name);
      await Promise.all([
        container('started').start(),
        container('paused').start(),
        container('gone').remove(),
      ]);
      await container('paused').pause();
    });
    assert.equal(answer.body.status, 'succeeded', answer.text);
    const left = await scene.containers(worker);
    assert.deepEqual(
      names.filter(name => left.includes(name)),
      ['started', 'paused'],
    );
    const step = stepOf(answer, 'containers');
    assert.deepEqual(step.removal.refused.flatMap(({ names: [name] }: { names: string[] }) => name).sort(), [
      'paused',
      'started',
    ]);
    assert.match(step.message, /1 had gone already\. 2 had to stay\./);
    // Their image was to go with them, and stays with them.
    const codes = answer.body.warnings.map(({ code }: { code: string }) => code);
    assert.deepEqual(codes, ['not_removed', 'not_removed']);
    assert.match(answer.body.warnings[0].message, /started \(.*(?:running|paused)/);
    const logs = (await session.deployment.logs()).split('\n');
    const logged = logs.find(line => line.includes('operation.warning'));
    assert.match(logged ?? '', /"level":"warn".*"code":"not_removed"/);
    await scene.docker(worker, 'rm', '--force', 'started', 'paused');
  });

  test('an image that has got a name, or lost one to another, since it was chosen is left', async () => {
    const nameless = await shapes.importImage();
    const old = await shapes.importImage('two.test/names:1');
    await shapes.tag('two.test/names:1', 'two.test/names:2');
    let fresh = '';
    const answer = await cleanAround(async () => {
      await shapes.tag(nameless, 'just.test/pulled:1');
      fresh = await shapes.importImage('two.test/names:1');
    });
    assert.equal(answer.body.status, 'succeeded', answer.text);
    const left = await scene.images(worker);
    assert.ok(left.includes(nameless) && left.includes(fresh), answer.text);
    assert.ok(!left.includes(old), answer.text);
    assert.deepEqual(
      stepOf(answer, 'images').removal.refused.map(({ id }: { id: string }) => id),
      [nameless],
    );
    const again = await scene.clean('worker-1');
    assert.equal(stepOf(again, 'images').removal.refused.length, 0);
    assert.ok(!(await hasImage(nameless)));
  });

  test('containers that never started stay until the age that is said, and their volumes for ever', async () => {
    const create = [
      'create',
      '--name',
      'unstarted',
      '--volume',
      'of-the-unstarted:/data',
      '--volume',
      '/anonymous',
    ];
    await scene.docker(worker, ...create, session.lab.images.runner);
    const volumes = await scene.docker(worker, 'volume', 'ls', '--quiet');
    const first = await scene.clean('worker-1');
    assert.match(stepOf(first, 'containers').message, /1 never started/);
    assert.ok((await scene.containers(worker)).includes('unstarted'));
    await scene.label('worker-1', { 'swarm-utils.clean.container.created-min-age': '1000' });
    await sleep(1000);
    const second = await scene.clean('worker-1');
    assert.match(
      stepOf(second, 'containers').message,
      /^Removed 0 stopped containers and 1 that never started/,
    );
    assert.ok(!(await scene.containers(worker)).includes('unstarted'));
    assert.equal(await scene.docker(worker, 'volume', 'ls', '--quiet'), volumes);
    await scene.unlabel('worker-1');
  });

  test('the report of a build cache has no words of a program in it', async () => {
    const answer = await scene.clean('worker-1');
    const { helper, removal } = stepOf(answer, 'build-cache');
    assert.equal(removal.reclaimedBytes, 0);
    assert.deepEqual(
      helper.tasks.flatMap(({ logs }: { logs: string[] }) => logs),
      [],
    );
  });
});
