import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { LocalImage } from '../../../src/core/node-listing.ts';
import { askEngine } from '../../../src/engine/node-engine/ask-engine.ts';
import { removeImage } from '../../../src/engine/node-engine/images.ts';
import { planRemovals, saysDeleted } from '../../../src/engine/node-engine/removals.ts';
import { connectEngine, createEngine, type EngineReply, idOf, imageJson } from '../fake-engine.ts';
import { createWorld } from '../world.ts';

const d = idOf('d');

function image(change: Partial<LocalImage> = {}): LocalImage {
  return { id: idOf('a'), tags: [], digests: [], sizeBytes: 1, ...change };
}

suite('what removes an image without force', () => {
  const pathsOf = (of: Partial<LocalImage>) =>
    removeImage(image(of)).map(({ method, path, onlyIf }) => `${method} ${path}${onlyIf ? ' ?' : ''}`);

  for (const [what, of, expected] of [
    ['its id where it has no name', {}, [`${idOf('a')}?noprune=1 ?`]],
    ['its tag', { tags: ['x/a:1'], digests: [`x/a@${d}`] }, ['x/a:1?noprune=1 ?']],
    [
      'each of its tags',
      { tags: ['x/a:1', 'r.test:5000/a:2'], digests: [`x/a@${d}`] },
      ['x/a:1?noprune=1 ?', 'r.test:5000/a:2?noprune=1 ?'],
    ],
    ['its digest', { digests: [`x/a@${d}`] }, [`x/a@${d}?noprune=1`]],
    [
      'each digest where no repository has a tag',
      { digests: [`x/a@${d}`, `y/a@${d}`] },
      [`x/a@${d}?noprune=1`, `y/a@${d}?noprune=1`],
    ],
    [
      'tags, and digests of other repositories',
      { tags: ['x/a:1'], digests: [`x/a@${d}`, `y/a@${d}`] },
      ['x/a:1?noprune=1 ?', `y/a@${d}?noprune=1`],
    ],
    [
      "names with tag and digest, as containerd's store has them, to the letter",
      { tags: [`a/app:v1@${d}`, `b/app:v1@${d}`], digests: [`b/app@${d}`] },
      [`a/app:v1@${d}?noprune=1`, `b/app:v1@${d}?noprune=1`],
    ],
    [
      'tags before names with a digest',
      { tags: [`a/app:v1@${d}`, 'a/app:v1'], digests: [`a/app@${d}`] },
      ['a/app:v1?noprune=1 ?', `a/app:v1@${d}?noprune=1`],
    ],
  ] as const) {
    test(`is ${what}`, () => {
      assert.deepEqual(
        pathsOf(of),
        expected.map(text => `DELETE /images/${text}`),
      );
    });
  }

  test('looks first whether the tag is still its own', () => {
    const [request] = removeImage(image({ tags: ['r.test:5000/a:1'] }));
    assert.deepEqual(request?.onlyIf, {
      path: `/images/${idOf('a')}/json`,
      pattern: `{"Id":"${idOf('a')}","RepoTags":\\[[^]]*"r\\.test:5000/a:1"`,
    });
  });
});

suite('what was to be removed', () => {
  /** @param replies by what is asked, over what an Engine with these images answers */
  async function remove(
    images: readonly LocalImage[],
    replies: Readonly<Record<string, EngineReply>> = {},
    there = images.map(({ id, tags, digests }) =>
      imageJson('0', { Id: id, RepoTags: tags, RepoDigests: digests }),
    ),
  ) {
    const world = createWorld();
    const asked = connectEngine(world, createEngine({ images: there, replies }));
    const plan = planRemovals(images, removeImage, 4000, saysDeleted);
    const node = { id: 'node-1', hostname: 'worker-1' };
    const exchanges = await askEngine(
      world,
      node,
      { nameOf: index => `helper-${index}` },
      plan.conversations,
    );
    return { asked, plan, fates: plan.fates(exchanges).map(({ fate }) => fate) };
  }

  test('is removed, by each of its names', async () => {
    const { fates, asked } = await remove([
      image({ tags: [`a/app:v1@${d}`, `b/app:v1@${d}`] }),
      image({ id: idOf('b'), tags: ['x:1', 'x:2'] }),
      image({ id: idOf('c') }),
    ]);
    assert.deepEqual(fates, [{ kind: 'removed' }, { kind: 'removed' }, { kind: 'removed' }]);
    assert.deepEqual(
      asked.map(({ text }) => text).filter(text => text.startsWith('DELETE')),
      [`a/app:v1@${d}`, `b/app:v1@${d}`, 'x:1', 'x:2', idOf('c')].map(
        name => `DELETE /images/${name}?noprune=1`,
      ),
    );
  });

  test('is gone where the Engine knows none of its names', async () => {
    assert.deepEqual((await remove([image({ digests: [`x@${d}`, `y@${d}`] })], {}, [])).fates, [
      { kind: 'gone' },
    ]);
  });

  test('stays where it is in use again, with the words of the Engine', async () => {
    const conflict = { status: 409, json: { message: 'conflict: used by a container' } };
    const { fates } = await remove([image({ digests: [`x@${d}`, `y@${d}`] })], {
      [`DELETE /images/y@${d}`]: conflict,
    });
    assert.deepEqual(fates, [{ kind: 'kept', reason: 'conflict: used by a container' }]);
  });

  test('stays where it has got a name, or its tag is that of another image by now', async () => {
    const named = [imageJson('a', { RepoTags: ['just/pulled:1'] })];
    const { fates, asked } = await remove([image()], {}, named);
    assert.deepEqual(fates, [
      { kind: 'kept', reason: 'It has gone, or has got another name, since it was chosen.' },
    ]);
    assert.ok(!asked.some(({ text }) => text.startsWith('DELETE')));
    const moved = [imageJson('a', { RepoTags: ['x:2'] }), imageJson('b', { RepoTags: ['x:1'] })];
    const second = await remove([image({ tags: ['x:1', 'x:2'] })], {}, moved);
    assert.deepEqual(
      second.asked.map(({ text }) => text).filter(text => text.startsWith('DELETE')),
      ['DELETE /images/x:2?noprune=1'],
    );
    const added = [imageJson('a', { RepoDigests: [`x@${d}`], RepoTags: ['new:1'] })];
    assert.deepEqual((await remove([image({ digests: [`x@${d}`] })], {}, added)).fates, [
      { kind: 'kept', reason: 'It has got another name since it was chosen.' },
    ]);
  });

  test('failed where the Engine says so, or does not answer', async () => {
    const full = { status: 500, json: { message: 'no space left on device' } };
    assert.deepEqual((await remove([image({ digests: [`x@${d}`] })], { 'DELETE /images/': full })).fates, [
      { kind: 'failed', reason: '500: no space left on device' },
    ]);
    for (const [reply, reason] of [
      [{ hangs: true }, /longer than the time-out of 4000 ms/],
      [{ breaksOff: true }, /unexpected EOF/],
    ] as const) {
      const { fates } = await remove([image({ digests: [`x@${d}`] })], { 'DELETE /images/': reply });
      assert.equal(fates[0]?.kind, 'failed');
      assert.match(fates[0] && 'reason' in fates[0] ? fates[0].reason : '', reason);
    }
  });

  test('goes in conversations of 25 requests, and an image may be in two', async () => {
    const many = Array.from({ length: 20 }, (_, index) =>
      image({ id: `sha256:${`${index}`.padStart(64, '0')}`, digests: [`x${index}@${d}`, `y${index}@${d}`] }),
    );
    const { plan, fates } = await remove(many);
    assert.deepEqual(
      plan.conversations.map(({ requests, timeoutMs }) => [requests.length, timeoutMs]),
      [
        [25, 4000],
        [15, 4000],
      ],
    );
    assert.deepEqual(new Set(fates.map(({ kind }) => kind)), new Set(['removed']));
  });

  test('by an answer that is no list is not removed', () => {
    for (const json of [{}, null, 'x', [{ Deleted: 7 }], [{ Deleted: idOf('b') }], []]) {
      assert.equal(saysDeleted({ id: idOf('a') }, json), false);
    }
    assert.equal(saysDeleted({ id: idOf('a') }, [{ Untagged: 'x' }, { Deleted: idOf('a') }]), true);
  });
});
