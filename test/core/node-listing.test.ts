import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatBytes, parseDockerSize } from '../../src/core/docker-size.ts';
import {
  listContainerImages,
  listImages,
  listStoppedContainers,
  measureDisk,
  parseContainerImages,
  parseDiskUsage,
  parseImages,
  parseStoppedContainers,
} from '../../src/core/node-listing.ts';

const id = `sha256:${'a'.repeat(64)}`;
const otherId = `sha256:${'b'.repeat(64)}`;
const digest = `sha256:${'d'.repeat(64)}`;
const built = '2024-01-01 00:00:00 +0000 UTC';
const line = (...cells: readonly unknown[]) => JSON.stringify(cells);

suite('sizes as the Docker CLI prints them', () => {
  for (const [text, bytes] of [
    ['0B', 0],
    ['12B', 12],
    ['1.985MB', 1_985_000],
    ['12.3kB', 12_300],
    ['1.234GB', 1_234_000_000],
    ['1.2e+03MB', 1_200_000_000],
    ['3 TB', 3_000_000_000_000],
    [' 7B ', 7],
    ['N/A', undefined],
    ['', undefined],
    ['12', undefined],
    ['1,5MB', undefined],
    ['12MiB', undefined],
  ] as const) {
    test(`${JSON.stringify(text)} is ${bytes}`, () => assert.equal(parseDockerSize(text), bytes));
  }

  for (const [bytes, text] of [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [1_234_567, '1.235 MB'],
    [1_230_000_000, '1.23 GB'],
  ] as const) {
    test(`${bytes} is said as ${text}`, () => assert.equal(formatBytes(bytes), text));
  }
});

suite('the lists of a node', () => {
  test('of a node that gives one image as many names as fit are read in a moment, and not in minutes', () => {
    const rows = Array.from({ length: 200_000 }, (_, index) =>
      line(id, 'a', `${index}`, '<none>', built, '1B'),
    );
    assert.equal(parseImages(rows)[0]?.tags.length, 200_000);
  });

  test('are asked for as argument vectors whose rows are JSON, so that no name can make a row', () => {
    for (const command of [listImages, listContainerImages, listStoppedContainers, measureDisk]) {
      assert.equal(command[0], 'docker');
      assert.match(command.at(-1) ?? '', /^\[(?:\{\{json [^}]+\}\},?)+\]$/);
    }
    assert.ok(
      listStoppedContainers.includes('status=exited') && !listStoppedContainers.includes('status=created'),
    );
  });

  test('images are put together from their rows, in their order', () => {
    const rows = [
      line(id, 'registry.test:5000/shop', '1', digest, built, '1.98MB'),
      line(id, 'registry.test:5000/shop', '2', digest, built, '1.98MB'),
      line(otherId, '<none>', '<none>', '<none>', 'when?', 'N/A'),
      line(id, 'mirror/shop', '<none>', digest, built, '1.98MB'),
      line(id, 'local', 'x', '<none>', built, '1.98MB'),
    ];
    assert.deepEqual(parseImages(rows), [
      {
        id,
        tags: ['registry.test:5000/shop:1', 'registry.test:5000/shop:2', 'local:x'],
        digests: [`registry.test:5000/shop@${digest}`, `mirror/shop@${digest}`],
        createdAtMs: Date.parse('2024-01-01T00:00:00Z'),
        sizeBytes: 1_980_000,
      },
      { id: otherId, tags: [], digests: [] },
    ]);
    assert.deepEqual(parseImages([]), []);
  });

  test('stopped containers, with whose they are', () => {
    const container = 'c'.repeat(64);
    const time = '2026-11-22 11:00:54 +0530 IST';
    assert.deepEqual(
      parseStoppedContainers([
        line(container, 'old', time, '12.3kB (virtual 1.98MB)', '', ''),
        line(container, 'helper', time, '0B', 'a\nb', 'service-id'),
      ]),
      [
        {
          id: container,
          name: 'old',
          isHelper: false,
          createdAtMs: Date.parse('2026-11-22T05:30:54Z'),
          sizeBytes: 12_300,
        },
        {
          id: container,
          name: 'helper',
          isHelper: true,
          serviceId: 'service-id',
          createdAtMs: Date.parse('2026-11-22T05:30:54Z'),
          sizeBytes: 0,
        },
      ],
    );
  });

  test('images of containers, and disk usage', () => {
    assert.deepEqual(parseContainerImages([line('c1', 'nginx'), line('c2', id)]), [
      { containerId: 'c1', image: 'nginx' },
      { containerId: 'c2', image: id },
    ]);
    const usage = parseDiskUsage([
      line('Images', '1.5GB', '1GB (66%)'),
      line('Build Cache', '0B', '0B'),
      line('X', '?', '?'),
    ]);
    assert.deepEqual(usage.get('Images'), { bytes: 1_500_000_000, reclaimableBytes: 1_000_000_000 });
    assert.deepEqual(usage.get('Build Cache'), { bytes: 0, reclaimableBytes: 0 });
    assert.deepEqual(usage.get('X'), {});
  });

  for (const wrong of [
    '',
    'no JSON',
    '{}',
    '[]',
    line('nginx', 'more', 'and', 'more'),
    line(1),
    line(null),
    '["torn',
  ]) {
    test(`a line that is none of theirs stops everything: ${wrong}`, () => {
      for (const parse of [parseImages, parseContainerImages, parseStoppedContainers, parseDiskUsage]) {
        assert.throws(() => parse([wrong]), { code: 'helper_failed' });
      }
    });
  }

  for (const wrong of ['--force', 'abc', `${id} `, `sha256:${'A'.repeat(64)}`, `${id}\n--force`]) {
    test(`what is no id never becomes an argument: ${JSON.stringify(wrong)}`, () => {
      assert.throws(() => parseImages([line(wrong, 'x', '1', digest, built, '1B')]), {
        code: 'helper_failed',
      });
      assert.throws(() => parseStoppedContainers([line(wrong, 'x', built, '1B', '', '')]), {
        code: 'helper_failed',
      });
    });
  }
});
