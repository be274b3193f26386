import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  formatPlatform,
  type Platform,
  placementPlatforms,
  runsOn,
} from '../../../src/core/placement/platform.ts';

const platform = (text: string): Platform => {
  const [os = '', architecture = ''] = text.split('/');
  return { os, architecture };
};
const platforms = (...texts: string[]) => texts.map(platform);

suite('the platforms that are written into a placement', () => {
  test('are those of the image, without attestations and each once', () => {
    const listed = platforms('linux/amd64', 'linux/arm64', 'unknown/unknown', 'linux/amd64', 'linux/unknown');
    assert.deepEqual(placementPlatforms(listed), platforms('linux/amd64', 'linux/arm64'));
  });

  test('leave the architecture of 32-bit ARM open, whichever variant it is', () => {
    assert.deepEqual(placementPlatforms(platforms('linux/arm', 'linux/ARM')), platforms('linux/'));
  });

  test('are none where the image names none, only attestations, or what is no word', () => {
    for (const listed of [
      [],
      platforms('unknown/unknown'),
      platforms('li nux/amd64', `linux/${'a'.repeat(65)}`),
    ]) {
      assert.deepEqual(placementPlatforms(listed), []);
    }
  });

  test('are bounded, whatever a registry lists', () => {
    const listed = Array.from({ length: 5000 }, (_, index) => platform(`linux/a${index}`));
    assert.equal(placementPlatforms(listed).length, 100);
  });
});

suite('an image runs on a node', () => {
  const runs = (image: string, node: string) => runsOn(platforms(image), platform(node));

  test('of its platform, by whichever name the node has for it', () => {
    for (const [image, node] of [
      ['linux/amd64', 'linux/x86_64'],
      ['linux/amd64', 'linux/amd64'],
      ['linux/x86_64', 'Linux/X86-64'],
      ['linux/arm64', 'linux/aarch64'],
      ['linux/386', 'linux/i686'],
      ['linux/riscv64', 'linux/riscv64'],
      ['windows/amd64', 'windows/x86_64'],
    ] as const) {
      assert.equal(runs(image, node), true, `${image} on ${node}`);
    }
  });

  test('of any ARM, where it is for a 32-bit ARM', () => {
    for (const node of ['linux/armv6l', 'linux/armv7l', 'linux/armv8l', 'linux/armhf', 'linux/aarch64']) {
      assert.equal(runs('linux/arm', node), true, node);
    }
    assert.equal(runs('linux/arm64', 'linux/armv7l'), false);
    assert.equal(runs('linux/arm', 'linux/x86_64'), false);
  });

  test('of no other platform', () => {
    for (const [image, node] of [
      ['linux/arm64', 'linux/x86_64'],
      ['windows/amd64', 'linux/x86_64'],
      ['linux/386', 'linux/x86_64'],
    ] as const) {
      assert.equal(runs(image, node), false, `${image} on ${node}`);
    }
  });

  test('where it names no platform, or the node does not say what it is', () => {
    assert.equal(runsOn([], platform('linux/x86_64')), true);
    assert.equal(runsOn(platforms('unknown/unknown'), platform('linux/x86_64')), true);
    assert.equal(runsOn(platforms('linux/arm64'), undefined), true);
    assert.equal(runs('linux/arm64', '/'), true);
  });

  test('where one of several platforms is its own', () => {
    assert.equal(
      runsOn(platforms('unknown/unknown', 'linux/arm64', 'linux/amd64'), platform('linux/x86_64')),
      true,
    );
    assert.equal(runsOn(platforms('unknown/unknown', 'linux/arm64'), platform('linux/x86_64')), false);
  });
});

test('a platform is written by the name that images have for it', () => {
  assert.equal(formatPlatform(platform('linux/x86_64')), 'linux/amd64');
  assert.equal(formatPlatform(platform('linux/')), 'linux/*');
});
