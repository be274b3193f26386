import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { selectContainers, selectImages } from '../../src/core/clean-selection.ts';
import { parseImagePattern } from '../../src/core/image-policy.ts';
import type { ContainerImages, IdleContainer, LocalImage } from '../../src/core/node-listing.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const nowMs = Date.parse('2026-11-22T12:00:00Z');
const HOUR_MS = 3_600_000;

function image(change: Partial<LocalImage> = {}): LocalImage {
  return {
    id: digest('a'),
    tags: [],
    digests: [],
    createdAtMs: nowMs - 24 * HOUR_MS,
    sizeBytes: 1,
    ...change,
  };
}

type Options = Partial<Parameters<typeof selectImages>[1]>;

/** A container of an image, that mounts images too. */
function container(imageId: string, ...mountedImages: readonly string[]): ContainerImages {
  return { containerId: 'c'.repeat(64), imageId, mountedImages };
}

/** What becomes of one image. */
function fate(of: Partial<LocalImage>, options: Options = {}): string {
  const { removable, kept } = selectImages([image(of)], {
    containers: [],
    neededImages: [],
    keep: [],
    minAgeMs: 0,
    nowMs,
    ...options,
  });
  return removable.length === 1 ? 'goes' : String([...kept.keys()]);
}

const pattern = (text: string) => [parseImagePattern(text)].filter(found => found !== undefined);

suite('an image of a node', () => {
  const shop = {
    tags: ['registry.test:5000/acme/shop:1'],
    digests: [`registry.test:5000/acme/shop@${digest('d')}`],
  };

  test('goes when nobody needs it, with a tag, a digest or nothing', () => {
    assert.equal(fate(shop), 'goes');
    assert.equal(fate({ tags: ['shop:1'] }), 'goes');
    assert.equal(fate({ digests: shop.digests }), 'goes');
    assert.equal(fate({}), 'goes');
  });

  for (const [what, needed] of [
    ['the digest, as the swarm pins it', `registry.test:5000/acme/shop:1@${digest('d')}`],
    ['the digest under another tag', `registry.test:5000/acme/shop:2@${digest('d')}`],
    ['the digest in another registry, of which this may be a mirror', `elsewhere.test/x@${digest('d')}`],
    ['the tag without a digest', 'registry.test:5000/acme/shop:1'],
    [
      'the tag with another digest: what would run is one or the other',
      `registry.test:5000/acme/shop:1@${digest('e')}`,
    ],
    ['its id', digest('a')],
    ['its id without the algorithm', 'a'.repeat(64)],
    ['its short id', 'aaaaaaaaaaaa'],
  ] as const) {
    test(`stays when a service names ${what}`, () => {
      assert.equal(fate(shop, { neededImages: [needed] }), 'service');
    });

    test(`stays when a container mounts an image and names ${what}`, () => {
      assert.equal(fate(shop, { containers: [container(digest('9'), needed)] }), 'container');
    });
  }

  for (const [what, needed] of [
    ['another tag', 'registry.test:5000/acme/shop:2'],
    ['a longer tag', 'registry.test:5000/acme/shop:10'],
    ['another repository', 'registry.test:5000/acme/shop-web:1'],
    ['the same path in another registry', 'acme/shop:1'],
    ['another digest', `registry.test:5000/acme/shop@${digest('e')}`],
    ['another id', digest('b')],
    ['nothing', ''],
    ['what is no reference', 'UPPER/ case'],
  ] as const) {
    test(`goes when all that is needed is ${what}`, () => {
      const containers = [container(digest('9'), needed)];
      assert.equal(fate(shop, { neededImages: [needed], containers }), 'goes');
    });
  }

  test('stays when a container is made of it, by its id alone', () => {
    assert.equal(fate(shop, { containers: [container(digest('a'))] }), 'container');
    assert.equal(fate(shop, { containers: [container(digest('b'))] }), 'goes');
  });

  suite("with a name that holds a digest, as containerd's store has them", () => {
    const pinned = { id: digest('d'), tags: [`registry.test:5000/acme/shop:latest@${digest('d')}`] };

    test('stays when a service names the digest, or the tag alone', () => {
      for (const needed of [
        `registry.test:5000/acme/shop:latest@${digest('d')}`,
        `registry.test:5000/acme/shop@${digest('d')}`,
        'registry.test:5000/acme/shop:latest',
      ]) {
        assert.equal(fate(pinned, { neededImages: [needed] }), 'service', needed);
      }
    });

    test('goes when the tag stands for another digest by now, which is what a service names', () => {
      const neededImages = [`registry.test:5000/acme/shop:latest@${digest('e')}`];
      assert.equal(fate(pinned, { neededImages }), 'goes');
    });

    test('is kept by a pattern for its tag', () => {
      const keeps = (text: string) => fate(pinned, { keep: pattern(text) });
      assert.equal(keeps('registry.test:5000/acme/shop:latest'), 'pattern');
      assert.equal(keeps('registry.test:5000/acme/shop:v*'), 'goes');
    });
  });

  test('of Docker Hub is known by its short and its long names', () => {
    for (const needed of [
      'nginx',
      'nginx:latest',
      'docker.io/library/nginx:latest',
      `docker.io/nginx:latest@${digest('9')}`,
    ]) {
      assert.equal(fate({ tags: ['nginx:latest'] }, { neededImages: [needed] }), 'service', needed);
    }
    assert.equal(fate({ tags: ['nginx:1'] }, { neededImages: ['nginx'] }), 'goes');
  });

  test('stays when any of its several references is needed', () => {
    const several = { tags: ['a/x:1', 'b/y:2'], digests: [`c/z@${digest('d')}`] };
    for (const needed of ['a/x:1', 'b/y:2', `c/z@${digest('d')}`]) {
      assert.equal(fate(several, { neededImages: [needed] }), 'service');
    }
  });

  test('stays when one of its references can not be read', () => {
    assert.equal(fate({ tags: ['Registry/weird:1'] }), 'unreadable');
  });

  test('whose id is the digest that is needed stays: image stores of containerd have it so', () => {
    assert.equal(
      fate({ id: digest('d'), tags: ['other:1'] }, { neededImages: [`shop@${digest('d')}`] }),
      'service',
    );
  });

  test('stays while it is younger than the minimum age, and when its age is not known', () => {
    const young = { ...shop, createdAtMs: nowMs - HOUR_MS + 1 };
    assert.equal(fate(young, { minAgeMs: HOUR_MS }), 'age');
    assert.equal(fate({ ...shop, createdAtMs: nowMs - HOUR_MS }, { minAgeMs: HOUR_MS }), 'goes');
    assert.equal(fate(young), 'goes');
    const { createdAtMs: _, ...ageless } = image(shop);
    const options = { containers: [], neededImages: [], keep: [], nowMs };
    assert.equal(selectImages([ageless], { ...options, minAgeMs: 1 }).removable.length, 0);
    assert.equal(selectImages([ageless], { ...options, minAgeMs: 0 }).removable.length, 1);
    // A clock of the future is no great age.
    assert.equal(fate({ ...shop, createdAtMs: nowMs + HOUR_MS }, { minAgeMs: 1 }), 'age');
  });

  for (const [text, stays] of [
    ['registry.test:5000/acme/shop', true],
    ['registry.test:5000/acme/shop:1', true],
    ['registry.test:5000/acme/shop:1*', true],
    ['registry.test:5000/acme/*', true],
    ['*', true],
    ['registry.test:5000/acme/shop:2', false],
    ['registry.test:5000/acme', false],
    ['acme/shop', false],
  ] as const) {
    test(`${stays ? 'stays' : 'goes'} when ${text} is to be kept`, () => {
      assert.equal(fate(shop, { keep: pattern(text) }), stays ? 'pattern' : 'goes');
    });
  }

  test('that lost its tag may have had the one of a pattern', () => {
    assert.equal(
      fate({ digests: shop.digests }, { keep: pattern('registry.test:5000/acme/shop:v1*') }),
      'pattern',
    );
    assert.equal(
      fate({ digests: shop.digests }, { keep: pattern('registry.test:5000/acme/blog:v1*') }),
      'goes',
    );
    assert.equal(fate({}, { keep: pattern('registry.test:5000/acme/*') }), 'goes');
    assert.equal(fate({}, { keep: pattern('*') }), 'pattern');
  });

  test('may have had any tag of a repository of which it has none, whatever tags it has of others', () => {
    const promoted = {
      tags: ['staging/app:1'],
      digests: [`staging/app@${digest('d')}`, `prod/app@${digest('d')}`],
    };
    assert.equal(fate(promoted, { keep: pattern('prod/app:v1') }), 'pattern');
    assert.equal(fate(promoted, { keep: pattern('staging/app:2') }), 'goes');
  });

  test('that others were built on stays as long as one of them does, and goes after them', () => {
    const base = image({ id: digest('1'), tags: ['base:1'] });
    const middle = image({ id: digest('2'), parentId: base.id });
    const app = image({ id: digest('3'), tags: ['app:1'], parentId: middle.id });
    const other = image({ id: digest('4'), parentId: digest('f') });
    const options = { containers: [], neededImages: [], keep: [], nowMs, minAgeMs: 0 };
    const kept = selectImages([base, middle, app, other], { ...options, neededImages: ['app:1'] });
    assert.deepEqual(
      kept.removable.map(({ id }) => id),
      [other.id],
    );
    assert.deepEqual(
      [...kept.kept],
      [
        ['parent', 2],
        ['service', 1],
      ],
    );
    assert.deepEqual(
      selectImages([base, other, app, middle], options).removable.map(({ id }) => id),
      [app.id, middle.id, base.id, other.id],
    );
  });

  test('is looked at once, however its ancestors are wound', () => {
    const round = [
      image({ id: digest('1'), parentId: digest('2') }),
      image({ id: digest('2'), parentId: digest('1') }),
    ];
    const options = { containers: [], neededImages: [], keep: [], nowMs, minAgeMs: 0 };
    assert.equal(selectImages(round, options).removable.length, 2);
    assert.equal(selectImages(round, { ...options, neededImages: [digest('1')] }).removable.length, 0);
  });

  test('is counted by the first reason to keep it', () => {
    const images = [image(shop), image({ id: digest('b'), tags: ['x:1'] }), image({ id: digest('c') })];
    const { removable, kept } = selectImages(images, {
      containers: [container(digest('b'))],
      neededImages: shop.tags,
      keep: pattern('x'),
      nowMs,
      minAgeMs: 0,
    });
    assert.deepEqual(
      removable.map(({ id }) => id),
      [digest('c')],
    );
    assert.deepEqual(
      [...kept],
      [
        ['service', 1],
        ['container', 1],
      ],
    );
  });
});

suite('a container that does not run', () => {
  const idle = (change: Partial<IdleContainer> = {}): IdleContainer => ({
    id: 'c'.repeat(64),
    name: 'old',
    createdAtMs: nowMs - 2 * HOUR_MS,
    sizeBytes: 1,
    hasNeverStarted: false,
    isHelper: false,
    isTask: false,
    ...change,
  });
  const fateOf = (change: Partial<IdleContainer>, minAgeMs = 0, createdMinAgeMs?: number) => {
    const { removable, kept } = selectContainers([idle(change)], {
      serviceIds: new Set(['helper-id', 'shop-id']),
      nowMs,
      minAgeMs,
      createdMinAgeMs,
    });
    return removable.length === 1 ? 'goes' : String([...kept.keys()]);
  };

  test('goes, also that of a task that has ended', () => {
    assert.equal(fateOf({}), 'goes');
    assert.equal(fateOf({ serviceId: 'shop-id' }), 'goes');
  });

  test('stays while it is younger than the minimum age', () => {
    assert.equal(fateOf({}, 2 * HOUR_MS), 'goes');
    assert.equal(fateOf({}, 2 * HOUR_MS + 1), 'age');
  });

  test('of a helper stays as long as its service is there: nobody has read its output', () => {
    assert.equal(fateOf({ isHelper: true, serviceId: 'helper-id' }), 'helper');
    assert.equal(
      fateOf({ isHelper: true, serviceId: 'gone-id', createdAtMs: nowMs - HOUR_MS + 1 }),
      'helper',
    );
    assert.equal(fateOf({ isHelper: true, serviceId: 'gone-id' }), 'goes');
    assert.equal(fateOf({ isHelper: true, serviceId: 'gone-id' }, 3 * HOUR_MS), 'age');
  });

  test('that says it is a helper and is none stays: somebody wants it to', () => {
    assert.equal(fateOf({ isHelper: true }), 'helper');
  });

  test('and never started stays: it may hold volumes, or be started later', () => {
    assert.equal(fateOf({ hasNeverStarted: true, createdAtMs: 0 }), 'not_started');
    assert.equal(fateOf({ hasNeverStarted: true, serviceId: 'shop-id' }), 'not_started');
  });

  test('and never started goes after an hour where the swarm made it', () => {
    const task = { hasNeverStarted: true, isTask: true, serviceId: 'shop-id' };
    assert.equal(fateOf({ ...task, createdAtMs: nowMs - HOUR_MS + 1 }), 'not_started');
    assert.equal(fateOf({ ...task, createdAtMs: nowMs - HOUR_MS }), 'goes');
    assert.equal(fateOf({ ...task, createdAtMs: nowMs - HOUR_MS }, 2 * HOUR_MS), 'age');
  });

  test('and never started goes from the age on that is said', () => {
    const created = { hasNeverStarted: true, createdAtMs: nowMs - 5 };
    assert.equal(fateOf(created, 0, 6), 'not_started');
    assert.equal(fateOf(created, 0, 5), 'goes');
    assert.equal(fateOf(created, 6, 5), 'age');
    assert.equal(fateOf({ ...created, isHelper: true }, 0, 5), 'helper');
  });
});
