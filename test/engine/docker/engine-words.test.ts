import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { refusals } from '../../../src/engine/docker/engine-words.ts';
import { readErrorAnswer } from '../../../src/engine/engine-error.ts';

suite('the words of an Engine', () => {
  test('are known by what it says in each release, and each by one row alone', () => {
    for (const { meaning, said } of refusals) {
      for (const sentence of Object.values(said).flatMap(all => all.split('; '))) {
        const found = refusals.filter(({ words }) => words.test(sentence));
        assert.deepEqual([found.map(each => each.meaning)], [[meaning]], sentence);
      }
    }
  });

  const read = (status: number, body: string) => readErrorAnswer('GET /nodes', status, Buffer.from(body));

  test('decide where it is an error of its own, by their status where no row knows them', () => {
    for (const [status, message, code] of [
      [404, 'service x not found', 'not_found'],
      [409, 'rpc error: code = AlreadyExists desc = name conflicts with an existing object', 'name_conflict'],
      [400, 'invalid name', 'rejected'],
      [500, 'something', 'rejected'],
      [500, 'rpc error: code = Unknown desc = update out of sequence', 'out_of_sequence'],
      [
        500,
        "rpc error: code = Unknown desc = raft: raft message is too large and can't be sent",
        'spec_too_large',
      ],
      [500, 'rpc error: code = DeadlineExceeded desc = context deadline exceeded', 'unavailable'],
      [503, 'whatever', 'unavailable'],
    ] as const) {
      const error = read(status, JSON.stringify({ message }));
      assert.deepEqual([error.code, error.message], [code, message]);
    }
  });

  test('of somebody on the way never say that there is no such thing, or that there is', () => {
    for (const [status, body] of [
      [404, '<html>nothing here</html>'],
      [404, '{"message":"page not found"}'],
      [404, ''],
      [409, 'conflict'],
      [500, 'boom'],
      [502, ''],
      [429, '{"message":"slow down"}'],
      [301, ''],
    ] as const) {
      assert.equal(read(status, body).code, 'unavailable', `${status} ${body}`);
    }
  });

  test('that are plain text, as for very old versions of the API, are read as they are, and no more than is needed', () => {
    const words = 'client version 1.23 is too old. Minimum supported API version is 1.24';
    assert.equal(read(400, `${words}\n`).message, words);
    assert.equal(read(400, 'x'.repeat(100_000)).message.length, 300);
    assert.equal(read(400, JSON.stringify({ message: 'x'.repeat(100_000) })).message.length, 16 * 1024);
  });
});
