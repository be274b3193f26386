import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  chooseApiVersion,
  newestKnownApiVersion,
  oldestUsableApiVersion,
  readApiVersion,
} from '../../src/core/engine-api-version.ts';

suite('the version of the Engine API', () => {
  test('is the newest that both sides know', () => {
    assert.deepEqual(chooseApiVersion({ newest: '1.41' }), { support: 'known', version: '1.41' });
    assert.deepEqual(chooseApiVersion({ newest: '1.45', oldest: '1.24' }), {
      support: 'known',
      version: '1.45',
    });
    assert.deepEqual(chooseApiVersion({ newest: newestKnownApiVersion }), {
      support: 'known',
      version: newestKnownApiVersion,
    });
    for (const newest of ['1.56', '1.100', '2.0']) {
      const choice = chooseApiVersion({ newest, oldest: '1.40' });
      assert.deepEqual(choice, { support: 'newer', version: newestKnownApiVersion }, newest);
    }
  });

  test('is none where an Engine is too old, or has given up all that is known', () => {
    for (const newest of ['1.40', '1.9', '0.99']) {
      assert.deepEqual(chooseApiVersion({ newest }), { support: 'too_old' }, newest);
    }
    for (const oldest of ['1.52', '1.100', '2.0']) {
      assert.deepEqual(chooseApiVersion({ newest: '2.7', oldest }), { support: 'too_new' }, oldest);
    }
    assert.equal(
      chooseApiVersion({ newest: '1.60', oldest: newestKnownApiVersion }).support,
      'newer',
      'it still speaks the newest that is known',
    );
  });

  test('is read as two numbers and nothing else', () => {
    assert.equal(readApiVersion(oldestUsableApiVersion), oldestUsableApiVersion);
    for (const value of [
      undefined,
      null,
      1.41,
      '',
      '1',
      'v1.41',
      '1.41 ',
      '1.41\n',
      '1.4.1',
      '-1.41',
      '1e3.1',
    ]) {
      assert.equal(readApiVersion(value), undefined, JSON.stringify(value));
    }
  });
});
