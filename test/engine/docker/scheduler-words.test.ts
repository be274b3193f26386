import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviseOnScheduling, schedulerWords } from '../../../src/engine/docker/scheduler-words.ts';

test('every cause that the scheduler names has its own advice, and several have all of them', () => {
  for (const { said, advice } of schedulerWords) {
    for (const words of Object.values(said).flatMap(sentence => sentence.split('; '))) {
      assert.equal(adviseOnScheduling(`no suitable node (${words})`), advice, words);
    }
  }
  assert.equal(
    adviseOnScheduling('no suitable node (insufficient resources on 1 node; missing plugin on 2 nodes)'),
    'make room, or lower what the service reserves; install the driver for its volumes, networks or logs on a node',
  );
  assert.equal(adviseOnScheduling('no suitable node'), '');
});
