import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { foreignArchitecture, nodeArchitecture, pushIndex, pushOciManifest } from './platform-images.ts';
import { openSession, type Session } from './session.ts';

describe('the platforms of an image', { concurrency: 3, timeout: 180_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession();
  });
  after(() => session.close());

  const placementOf = async (name: string) => {
    const { Spec } = await session.lab.manager.engine().getService(name).inspect();
    return Spec.TaskTemplate.Placement as {
      readonly Platforms?: readonly { readonly Architecture?: string; readonly OS?: string }[];
      readonly Constraints?: readonly string[];
    };
  };

  test('must be those of a node: else nothing is written, and both sides are named', async () => {
    const { registry, images } = session.lab;
    const image = await pushIndex(registry, 'foreign', foreignArchitecture, 'unknown');
    await session.create('foreign');
    const version = await session.services.version('foreign');
    const { status, body } = await session.update('foreign', { image });
    assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'no_matching_platform']);
    assert.match(
      body.error.message,
      new RegExp(
        `app:foreign is for linux/${foreignArchitecture}, but the nodes of the swarm are linux/${nodeArchitecture}`,
      ),
    );
    assert.equal(await session.services.version('foreign'), version);
    await session.waitForImages('foreign', images.app['1']);
  });

  test('take the place of those of the image before, so that a service that had no node gets one', async () => {
    const { registry, images } = session.lab;
    const image = await pushIndex(registry, 'stuck', foreignArchitecture);
    await session.create('stuck', { image, runningTasks: 0, args: ['--constraint', 'node.role==worker'] });
    assert.deepEqual((await placementOf('stuck')).Platforms, [
      { Architecture: foreignArchitecture, OS: 'linux' },
    ]);
    const { status, text } = await session.update('stuck', { image: images.app['2'] });
    assert.equal(status, 200, text);
    await session.waitForImages('stuck', images.app['2']);
    const { Platforms: written = [], Constraints } = await placementOf('stuck');
    assert.ok(
      written.every(({ Architecture }) => Architecture === nodeArchitecture),
      JSON.stringify(written),
    );
    assert.deepEqual(Constraints, ['node.role==worker']);
  });

  test('of before do not stay where the Engine names none, as they do with the Docker CLI', async () => {
    const { registry } = session.lab;
    const foreign = await pushIndex(registry, 'before', foreignArchitecture);
    const image = await pushOciManifest(registry, 'oci');
    await session.create('nameless', { image: foreign, runningTasks: 0 });
    const { status, text } = await session.update('nameless', { image });
    assert.equal(status, 200, text);
    await session.waitForImages('nameless', image);
    assert.equal((await placementOf('nameless')).Platforms, undefined);
  });

  test('are all written, those of nodes to come too, and attestations are not', async () => {
    const { registry } = session.lab;
    const image = await pushIndex(registry, 'both', nodeArchitecture, foreignArchitecture, 'unknown');
    for (const isGlobal of [false, true]) {
      const name = isGlobal ? 'both-global' : 'both-replicated';
      await session.create(name, { isGlobal });
      const { status, text } = await session.update(name, { image });
      assert.equal(status, 200, text);
      assert.deepEqual(
        (await placementOf(name)).Platforms,
        [nodeArchitecture, foreignArchitecture].map(Architecture => ({ Architecture, OS: 'linux' })),
      );
      assert.equal((await session.update(name, { image })).body.status, 'unchanged');
    }
  });
});
