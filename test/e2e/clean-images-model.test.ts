import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { LabNode } from '../lab/lab-node.ts';
import { imagesThatStay, lookAtNode } from './image-model.ts';
import { createImageShapes, type ImageShapes } from './image-shapes.ts';
import { createNodeScene, type NodeScene } from './node-scene.ts';
import { openSession, type Session } from './session.ts';

const keep = ['kept.test/tagged:v*', 'kept.test/repository'];

describe('a clean of a node with images of every shape', { timeout: 400_000 }, () => {
  let session: Session;
  let scene: NodeScene;
  let worker: LabNode;
  let shapes: ImageShapes;
  before(async () => {
    session = await openSession({ SWARM_UTILS_CLEAN_NODE_IMAGE_KEEP: keep.join(',') });
    scene = createNodeScene(session);
    worker = scene.node('worker-1');
    shapes = createImageShapes(session.lab, worker.engine());
  });
  after(() => session.close());

  /** Does something so many times, eight at a time, and answers what came of it. */
  async function times<T>(count: number, work: (index: number) => Promise<T>): Promise<readonly T[]> {
    const results: T[] = [];
    for (let start = 0; start < count; start += 8) {
      const length = Math.min(8, count - start);
      results.push(...(await Promise.all(Array.from({ length }, (_, index) => work(start + index)))));
    }
    return results;
  }

  /** Images that nothing needs, and that containers do. */
  async function litter(): Promise<void> {
    const byDigest = await times(60, async index => {
      const digest = await shapes.publish(`digest/${index}:1`);
      await shapes.pull(`digest/${index}@${digest}`);
      return session.lab.registry.reference(`digest/${index}@${digest}`);
    });
    const promoted = await times(20, async index => {
      const names = [`staging/${index}:1`, `prod/${index}:1`];
      const digest = await shapes.publish(...names);
      for (const [repository] of names.map(name => name.split(':'))) {
        await shapes.pull(`${repository}@${digest}`);
      }
      return session.lab.registry.reference(`prod/${index}@${digest}`);
    });
    const tagged = await times(20, async index => {
      await shapes.publish(`tagged/${index}:1`);
      await shapes.pull(`tagged/${index}:1`);
      const name = session.lab.registry.reference(`tagged/${index}:1`);
      await shapes.tag(name, `again.test/${index}:1`);
      await shapes.tag(name, `again.test/${index}:2`);
      return name;
    });
    await times(12, async index => {
      for (const _ of ['old', 'new']) {
        await shapes.publish(`moved/${index}:latest`);
        await shapes.pull(`moved/${index}:latest`);
      }
    });
    const indexes = await times(15, async index => {
      const digest = await shapes.publishIndex(`index/${index}:1`);
      const name = index % 3 === 0 ? `index/${index}@${digest}` : `index/${index}:1`;
      await shapes.pull(name);
      return session.lab.registry.reference(name);
    });
    const imported = await times(20, () => shapes.importImage());
    await times(20, async index => {
      await shapes.importImage(`moving.test/${index}:1`);
      await shapes.importImage(`moving.test/${index}:1`);
    });
    for (const name of [
      'kept.test/tagged:v1',
      'kept.test/tagged:w1',
      'kept.test/repository:1',
      'kept.test/other:v1',
    ]) {
      await shapes.importImage(name);
    }
    const chains = await times(8, async index => {
      const base = await shapes.importImage(index % 2 === 0 ? `base.test/${index}:1` : undefined);
      const middle = await shapes.build(base);
      await shapes.build(middle, `built.test/${index}:1`);
      return middle;
    });
    const used = [byDigest, promoted, tagged, indexes, imported, chains].flatMap(names => names.slice(0, 3));
    await times(used.length, index => shapes.create(used[index] ?? ''));
  }

  /** Services whose images are on the node, or were. */
  async function deploy(): Promise<void> {
    const { lab } = session;
    const on = ['--constraint', 'node.hostname==worker-1'];
    await lab.registry.tag('app:1', 'svc/app:latest');
    await session.create('moving', { image: lab.registry.reference('svc/app:latest'), args: on });
    for (const version of ['app:2', 'app:3']) {
      await lab.registry.tag(version, 'svc/app:latest');
      assert.equal((await session.update('moving')).status, 200);
    }
    for (const stage of ['staging', 'prod']) {
      await lab.registry.tag('app:slow', `${stage}/shop:v1`);
      await session.create(`shop-${stage}`, {
        image: lab.registry.reference(`${stage}/shop:v1`),
        args: [...on, '--no-healthcheck'],
      });
    }
    await session.services.remove('shop-staging', 'shop-prod');
    const digest = await shapes.publish('asleep/app:1');
    await shapes.pull(`asleep/app@${digest}`);
    const asleep = `${lab.registry.reference('asleep/app:1')}@${digest}`;
    await session.create('asleep', { image: asleep, replicas: 0, args: on });
    await scene.docker(worker, 'run', '--detach', '--name', 'running', lab.images.runner, 'sleep', '1000');
    await shapes.tag(lab.images.runner, 'runner.test/paused:1');
    await scene.docker(
      worker,
      'run',
      '--detach',
      '--name',
      'paused',
      'runner.test/paused:1',
      'sleep',
      '1000',
    );
    await scene.docker(worker, 'pause', 'paused');
    const stopped = await scene.makeImage(worker, 'stopped.test/image:1', 100);
    await scene.docker(worker, 'run', '--name', 'stopped', stopped, 'true');
    await session.until('the tasks of what was removed are gone', async () =>
      (await scene.containers(worker)).every(name => !name.startsWith('shop-')),
    );
  }

  async function wantedImages(): Promise<readonly string[]> {
    const services = (await session.lab.manager.engine().listServices()) as unknown as readonly ServiceJson[];
    const { images } = session.lab;
    return [
      ...services.flatMap(({ Spec, PreviousSpec }) =>
        [Spec, PreviousSpec].flatMap(spec => spec?.TaskTemplate.ContainerSpec.Image ?? []),
      ),
      ...[images.dockerCli, images.offen, images.restic, images.rclone],
    ];
  }

  const isKept = (name: string) =>
    name.startsWith('kept.test/tagged:v') || name.startsWith('kept.test/repository:');
  // biome-ignore lint/suspicious/noExplicitAny: an answer of the API
  const imagesStep = (body: any) => body.steps.find(({ name }: { name: string }) => name === 'images');

  test('removes what the model says, and the second one finds nothing to do', async () => {
    await litter();
    await deploy();
    await scene.label('worker-1', { 'swarm-utils.clean.container.enable': 'false' });
    const first = await lookAtNode(worker, () => true);
    assert.ok(first.images.length >= 200, `${first.images.length} images`);
    const stays = imagesThatStay(first, await wantedImages(), isKept);
    const goes = first.images.filter(({ id }) => !stays.has(id));
    assert.ok(stays.size >= 25 && goes.length >= 150, `${stays.size} stay, ${goes.length} go`);

    const planned = await scene.clean('worker-1', { dryRun: true });
    assert.equal(imagesStep(planned.body).removal.removedCount, goes.length, planned.text);
    const cleaned = await scene.clean('worker-1');
    assert.equal(cleaned.status, 200, cleaned.text);
    assert.equal(cleaned.body.warnings, undefined, JSON.stringify(cleaned.body.warnings));
    const left = await lookAtNode(worker, () => true);
    const describe = (ids: Iterable<string>) =>
      [...ids].map(id => `${id} ${first.images.find(image => image.id === id)?.names}`).sort();
    assert.deepEqual(describe(left.images.map(({ id }) => id)), describe(stays));
    assert.equal(imagesStep(cleaned.body).removal.removedCount, goes.length);
    const again = await scene.clean('worker-1');
    assert.deepEqual([again.status, imagesStep(again.body).removal.removedCount], [200, 0], again.text);

    // Now with the containers that have ended: what only they used goes too.
    await scene.label('worker-1', { 'swarm-utils.clean.container.enable': 'true' });
    const second = await lookAtNode(worker, state => state !== 'exited');
    const staysNow = imagesThatStay(second, await wantedImages(), isKept);
    assert.ok(staysNow.size < stays.size);
    assert.equal((await scene.clean('worker-1')).status, 200);
    const end = await lookAtNode(worker, () => true);
    assert.deepEqual(describe(end.images.map(({ id }) => id)), describe(staysNow));
    const last = await scene.clean('worker-1');
    assert.deepEqual([last.status, imagesStep(last.body).removal.removedCount], [200, 0], last.text);
    await session.services.remove('moving', 'asleep');
    await scene.docker(worker, 'rm', '--force', 'running', 'paused');
    await scene.unlabel('worker-1');
  });
});

interface SpecJson {
  readonly TaskTemplate: { readonly ContainerSpec: { readonly Image: string } };
}

interface ServiceJson {
  readonly Spec: SpecJson;
  readonly PreviousSpec?: SpecJson;
}
