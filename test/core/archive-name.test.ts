import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  archiveName,
  archiveStem,
  backupIdOf,
  canBeInArchiveName,
  dateOfBackupId,
  parseArchiveName,
  splitArchiveName,
} from '../../src/core/archive-name.ts';

const id = '2026-11-22T03-00-00Z';

describe('names of archives', () => {
  test('the id of a backup is its time in UTC, to the second', () => {
    assert.equal(backupIdOf(new Date('2026-11-22T04:00:00.999+01:00')), id);
    assert.equal(dateOfBackupId(id)?.toISOString(), '2026-11-22T03:00:00.000Z');
  });

  test('what is no id is none', () => {
    for (const text of [
      '',
      '2026-11-22',
      '2026-11-22T03:00:00Z',
      '2026-02-31T03-00-00Z',
      '2026-13-01T03-00-00Z',
      '2026-11-22T24-00-00Z',
      '2026-11-22T03-00-00Z\n',
      ' 2026-11-22T03-00-00Z',
      '+12026-11-22T03-00-00Z',
    ]) {
      assert.equal(dateOfBackupId(text), undefined, JSON.stringify(text));
    }
  });

  test('an archive is named after node, volume and backup, and read again', () => {
    const place = { nodeName: 'worker-1', volume: 'shop_data' };
    const name = archiveName(place, id);
    assert.equal(name, `worker-1_shop_data_${id}.tar.gz`);
    assert.equal(splitArchiveName(name)?.stem, archiveStem(place));
    assert.deepEqual(parseArchiveName(name, ['shop_data']), {
      node: 'worker-1',
      volume: 'shop_data',
      backup: id,
    });
  });

  test('names that a path, a list or a pattern would read as more have no archives', () => {
    for (const name of ['', '.', '..', 'a/b', 'a,b', 'a b', '-a', '.a', 'a\nb', 'ä', '%Y', '{{x}}', 'a*']) {
      assert.equal(canBeInArchiveName(name), false, JSON.stringify(name));
      assert.throws(() => archiveName({ nodeName: name, volume: 'data' }, id), RangeError);
      assert.throws(() => archiveName({ nodeName: 'n', volume: name }, id), RangeError);
      assert.equal(parseArchiveName(`${name}_data_${id}.tar.gz`, ['data'])?.node, undefined);
    }
    assert.throws(() => archiveName({ nodeName: 'n', volume: 'v' }, 'today'), RangeError);
  });

  test('what is no archive of ours is none', () => {
    for (const name of [
      `data_${id}.tar.gz`,
      `_data_${id}.tar.gz`,
      `n_data_${id}.tar`,
      `n_data_${id}.tar.gz.part`,
      `n_data-${id}.tar.gz`,
      `n_data_2026-11-22.tar.gz`,
      `../n_data_${id}.tar.gz`,
      `sub/n_data_${id}.tar.gz`,
      `n_data_${id}.tar.gz\n`,
      `${id}.tar.gz`,
      '.tar.gz',
    ]) {
      assert.equal(parseArchiveName(name, ['data']), undefined, JSON.stringify(name));
    }
  });

  test('underscores are read with the help of what is known', () => {
    const read = (stem: string, volumes: string[], nodes: string[] = []) => {
      const parsed = parseArchiveName(`${stem}_${id}.tar.gz`, volumes, nodes);
      return parsed && `${parsed.node} ${parsed.volume}`;
    };
    assert.equal(read('n_1_data', ['data']), 'n_1 data');
    assert.equal(read('n_shop_data', ['data', 'shop_data']), 'n shop_data');
    assert.equal(read('n_shop_data', ['data', 'shop_data'], ['n_shop']), 'n_shop data');
    // A volume of another name that ends like a known one is not that.
    assert.equal(read('n_old_data', ['data'], ['n']), 'n old_data');
    assert.equal(read('n_x_y', []), 'n x_y');
  });
});
