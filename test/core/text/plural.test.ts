import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plural } from '../../../src/core/text/plural.ts';

test('a count agrees with its noun', () => {
  assert.deepEqual(
    [plural(1, 'task'), plural(0, 'task'), plural(3, 'task'), plural(1, 'entry'), plural(2, 'entry')],
    ['1 task', '0 tasks', '3 tasks', '1 entry', '2 entries'],
  );
  assert.equal(plural(2, 'day'), '2 days');
});
