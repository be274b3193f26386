import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { OperationError } from '../../src/core/errors.ts';
import type { Platform } from '../../src/core/placement/platform.ts';
import type { Work } from '../../src/core/step.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { resolveImage } from '../../src/engine/steps/resolve-image.ts';
import type { StepContext, StepOutcome } from '../../src/engine/steps/step-executor.ts';
import type { Node, Service, UpdateStatus } from '../../src/engine/swarm.ts';
import { digestA, image } from '../core/examples.ts';
import { addShop, createWorld, newDigest, newImage, oldDigest, oldImage, type TestWorld } from './world.ts';

type Resolve = Work & { kind: 'resolve-image' };

async function resolve(
  work: Partial<Resolve>,
  change: Partial<Service> = {},
  world: TestWorld = createWorld(),
  timeoutMs = 1000,
) {
  const service = addShop(world, change);
  const context: StepContext = {
    world,
    service,
    target: serviceTarget(service),
    onProgress: () => undefined,
    checkStillAllowed: async () => service.version,
  };
  const step = {
    name: 'resolve',
    when: 'on-success',
    timeoutMs,
    work: { kind: 'resolve-image', mustMatchTag: false, isForce: false, ...work },
  } as const;
  const outcome: StepOutcome = await resolveImage(context, step);
  return {
    outcome,
    resolved: context.resolved,
    calls: world.swarm.callsOf('resolveImage').map(([asked]) => asked),
  };
}

const status = (state: UpdateStatus['state']) => ({ update: { state, message: '', startedAt: 'x' } });

suite('the image of an update', () => {
  test('is pinned by tag and digest', async () => {
    const { outcome, resolved } = await resolve({ image: image('registry.test/acme/shop:2') });
    const reference = image('registry.test/acme/shop:2');
    assert.deepEqual(resolved, {
      pinned: newImage,
      platforms: [],
      reference,
      credentials: undefined,
      isForce: false,
    });
    assert.deepEqual(outcome.image, { from: oldImage, to: newImage, digest: newDigest });
    assert.equal(outcome.verdict, undefined);
  });

  test('is the running reference anew where none is named: its tag counts, not its digest', async () => {
    const world = createWorld();
    world.swarm.setDigest('registry.test/acme/shop:1', newDigest);
    const { resolved, calls } = await resolve({}, {}, world);
    assert.equal(resolved?.pinned, `registry.test/acme/shop:1@${newDigest}`);
    assert.deepEqual(calls, [image('registry.test/acme/shop:1')]);
  });

  test('is rolled out although it is the same where its tasks do not run, or end again and again', async () => {
    const pending = createWorld();
    const isStarting = { serviceId: 'shop-id', slot: 3, state: 'starting', image: oldImage } as const;
    pending.swarm.before('listTasks', () => pending.swarm.addTask({ ...isStarting, id: 'starting' }));
    assert.equal((await resolve({}, {}, pending)).outcome.verdict, undefined);

    const crashing = createWorld();
    const ended = {
      desiredState: 'shutdown',
      state: 'failed',
      error: 'task: non-zero exit (1)',
      image: oldImage,
    } as const;
    crashing.swarm.before('listTasks', () => {
      const stateAt = crashing.clock.now().toISOString();
      crashing.swarm.addTask({ ...ended, serviceId: 'shop-id', id: 'crashed', stateAt });
    });
    assert.equal((await resolve({}, {}, crashing)).outcome.verdict, undefined);
  });

  test('stays what it is where the running one has a digest and no tag', async () => {
    const { outcome } = await resolve({}, { image: `registry.test/acme/shop@${oldDigest}` });
    assert.equal(outcome.image?.to, `registry.test/acme/shop@${oldDigest}`);
    assert.equal(outcome.verdict, 'unchanged');
  });

  test('must be named where the running one is no reference', async () => {
    await assert.rejects(resolve({}, { image: 'f'.repeat(64) }), { code: 'image_not_found' });
    const { resolved } = await resolve(
      { image: image('registry.test/acme/shop:2') },
      { image: 'f'.repeat(64) },
    );
    assert.equal(resolved?.pinned, newImage);
  });

  test('can not be rolled out to a job', async () => {
    for (const mode of ['replicated-job', 'global-job'] as const) {
      await assert.rejects(resolve({}, { mode }), { code: 'unsupported_mode' });
    }
  });
});

suite('there is nothing to do', () => {
  const same = { image: image('registry.test/acme/shop:1') };
  test('when the digest and the tag are those of the running image', async () => {
    for (const change of [{}, status('completed'), status('rollback_completed')]) {
      const { outcome } = await resolve(same, change);
      assert.equal(outcome.verdict, 'unchanged');
      assert.match(outcome.message ?? '', /runs sha256:1+ already/);
    }
    const { outcome } = await resolve({ image: image(`registry.test/acme/shop@${oldDigest}`) });
    assert.equal(outcome.verdict, 'unchanged');
    assert.deepEqual(outcome.image, { from: oldImage, to: oldImage, digest: oldDigest });
  });

  test('but not under another tag of the same digest: the next update goes by the tag', async () => {
    const world = createWorld();
    world.swarm.setDigest('registry.test/acme/shop:production', oldDigest);
    const { outcome, resolved } = await resolve(
      { image: image('registry.test/acme/shop:production') },
      {},
      world,
    );
    assert.equal(outcome.verdict, undefined);
    assert.equal(resolved?.pinned, `registry.test/acme/shop:production@${oldDigest}`);
    assert.equal(outcome.image?.to, resolved?.pinned);
  });

  test('but not by force', async () => {
    const { outcome, resolved } = await resolve({ ...same, isForce: true });
    assert.equal(outcome.verdict, undefined);
    assert.equal(resolved?.isForce, true);
  });

  test('but not when the swarm has given up half-way: then the tasks must be made anew', async () => {
    for (const state of ['paused', 'rollback_paused'] as const) {
      const { outcome, resolved } = await resolve(same, status(state));
      assert.equal(outcome.verdict, undefined, state);
      assert.equal(resolved?.isForce, true, state);
    }
  });

  test('but not while the swarm is at work: then it is watched', async () => {
    for (const state of ['updating', 'rollback_started'] as const) {
      const { outcome, resolved } = await resolve(same, status(state));
      assert.equal(outcome.verdict, undefined, state);
      assert.equal(resolved?.isForce, false, state);
    }
  });

  test('but not for the same digest of another repository or registry', async () => {
    for (const other of ['registry.test/acme/shop2:1', 'other.test/acme/shop:1']) {
      const world = createWorld();
      world.swarm.setDigest(other, oldDigest);
      assert.equal((await resolve({ image: image(other) }, {}, world)).outcome.verdict, undefined);
    }
  });

  test('but not where the running image is not pinned', async () => {
    const { outcome } = await resolve(same, { image: 'registry.test/acme/shop:1' });
    assert.equal(outcome.verdict, undefined);
  });
});

suite('a digest that came with the image', () => {
  test('is the one that is deployed', async () => {
    const { resolved } = await resolve({ image: image(`registry.test/acme/shop:2@${digestA}`) });
    assert.equal(resolved?.pinned, `registry.test/acme/shop:2@${digestA}`);
  });

  test('must be that of its tag where only the tag is allowed', async () => {
    const right = image(`registry.test/acme/shop:2@${newDigest}`);
    assert.equal((await resolve({ image: right, mustMatchTag: true })).resolved?.pinned, newImage);
    const foreign = image(`registry.test/acme/shop:2@${digestA}`);
    await assert.rejects(
      resolve({ image: foreign, mustMatchTag: true }),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'digest_mismatch');
        assert.match(error.message, new RegExp(`acme/shop:2 is ${newDigest}, not ${digestA}`));
        return true;
      },
    );
  });

  test('must be what the registry answers', async () => {
    const world = createWorld();
    const lying = {
      ...world,
      swarm: { ...world.swarm, resolveImage: async () => ({ digest: newDigest, platforms: [] }) },
    };
    await assert.rejects(resolve({ image: image(`registry.test/acme/shop@${digestA}`) }, {}, lying), {
      code: 'digest_mismatch',
    });
  });

  test('is asked for once where none came', async () => {
    const { calls } = await resolve({ image: image('registry.test/acme/shop:2'), mustMatchTag: true });
    assert.equal(calls.length, 1);
  });
});

suite('the platforms of an image', () => {
  const amd64 = { os: 'linux', architecture: 'amd64' };
  const arm64 = { os: 'linux', architecture: 'arm64' };
  const attestation = { os: 'unknown', architecture: 'unknown' };
  const asked = { image: image('registry.test/acme/shop:2') };

  function worldOf(listed: readonly Platform[], nodes: readonly Partial<Node>[]): TestWorld {
    const world = createWorld();
    world.swarm.setPlatforms(newDigest, listed);
    for (const [index, node] of nodes.entries()) {
      world.swarm.addNode({ id: `node-${index + 1}`, ...node });
    }
    return world;
  }

  test('come with it, as they go into the placement', async () => {
    const world = worldOf([amd64, attestation, { os: 'linux', architecture: 'arm' }], []);
    const { resolved } = await resolve(asked, {}, world);
    assert.deepEqual(resolved?.platforms, [amd64, { os: 'linux', architecture: '' }]);
  });

  test('must be those of a node that the constraints allow, and both sides are named where they are not', async () => {
    const nodes: Partial<Node>[] = [
      { hostname: 'one', platform: { os: 'linux', architecture: 'x86_64' } },
      { hostname: 'two', platform: { os: 'linux', architecture: 'aarch64' }, role: 'worker' },
    ];
    const constraints = ['node.hostname != two'];
    const world = worldOf([arm64, attestation], nodes);
    await assert.rejects(resolve(asked, { constraints }, world), (error: OperationError) => {
      assert.equal(error.code, 'no_matching_platform');
      assert.match(
        error.message,
        /acme\/shop:2 is for linux\/arm64, but the nodes that the service's constraints allow/,
      );
      assert.match(error.message, /are linux\/amd64 \(one\)\. Nothing was deployed/);
      return true;
    });
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 0);
    assert.equal((await resolve(asked, {}, worldOf([arm64], nodes))).resolved?.pinned, newImage);
  });

  test('may be those of a node that is down or drained', async () => {
    for (const change of [{ state: 'down' }, { availability: 'drain' }] as const) {
      const world = worldOf(
        [arm64],
        [
          { platform: { os: 'linux', architecture: 'x86_64' } },
          { platform: { os: 'linux', architecture: 'aarch64' }, ...change },
        ],
      );
      assert.equal((await resolve(asked, {}, world)).resolved?.pinned, newImage);
    }
  });

  test('refuse nothing where the constraints allow no node, or a node does not say what it is', async () => {
    const x86 = { platform: { os: 'linux', architecture: 'x86_64' } };
    const nowhere = { constraints: ['node.labels.zone==moon'] };
    assert.ok((await resolve(asked, nowhere, worldOf([arm64], [x86]))).resolved);
    assert.ok((await resolve(asked, {}, worldOf([arm64], [x86, {}]))).resolved);
  });

  test('are not asked about where there is nothing to do', async () => {
    const world = worldOf([], [{ platform: { os: 'linux', architecture: 'x86_64' } }]);
    world.swarm.setPlatforms(oldDigest, [arm64]);
    assert.equal((await resolve({}, {}, world)).outcome.verdict, 'unchanged');
  });
});

suite('the login', () => {
  const registries = [
    { registry: 'other.test', username: 'other', password: 'x' },
    { registry: 'registry.test', username: 'env', password: 'y' },
  ];
  test('is that of the registry of the new image', async () => {
    const world = createWorld({ registries });
    const { resolved } = await resolve({ image: image('registry.test/acme/shop:2') }, {}, world);
    assert.equal(resolved?.credentials?.username, 'env');
    assert.equal(world.swarm.callsOf('resolveImage')[0]?.[1]?.username, 'env');
  });

  test('of the running image does not go to another registry', async () => {
    const world = createWorld({ registries });
    world.swarm.setDigest('evil.test/acme/shop:1', digestA);
    const { resolved } = await resolve({ image: image('evil.test/acme/shop:1') }, {}, world);
    assert.equal(resolved?.credentials, undefined);
    assert.equal(world.swarm.callsOf('resolveImage')[0]?.[1], undefined);
  });

  test('that is wanted and missing is an error before anybody is asked', async () => {
    const world = createWorld();
    const labels = { 'swarm-utils.update.registry.auth': 'true' };
    await assert.rejects(resolve({}, { labels }, world), { code: 'registry_credentials_missing' });
    assert.equal(world.swarm.callsOf('resolveImage').length, 0);
  });
});

suite('the registry', () => {
  test('is asked no longer than the step may take, and than half a minute', async () => {
    for (const [timeoutMs, expected] of [
      [1000, 1000],
      [600_000, 30_000],
    ] as const) {
      const world = createWorld();
      await resolve({}, {}, world, timeoutMs);
      assert.equal(world.swarm.callsOf('resolveImage')[0]?.[2], expected);
    }
  });

  test('has one time for both questions', async () => {
    const world = createWorld();
    const pinned = image(`registry.test/acme/shop:2@${newDigest}`);
    const release = world.swarm.hold('resolveImage');
    void world.clock.sleep(400).then(release);
    await resolve({ image: pinned, mustMatchTag: true }, {}, world);
    assert.deepEqual(
      world.swarm.callsOf('resolveImage').map(([, , timeoutMs]) => timeoutMs),
      [1000, 600],
    );
  });
});
