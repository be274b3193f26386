import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { areSameSums, provesSums, readSums, showChecksum } from '../../src/core/archive-checksum.ts';
import { readEntityTags } from '../../src/core/store-listing.ts';

const md5 = (value: string | Buffer) => createHash('md5').update(value).digest('hex');
const [one, two] = [md5('one'), md5('two')];
const tag = `${md5(Buffer.from(one + two, 'hex'))}-2`;

describe('checksums of archives', () => {
  test('are read as md5sum prints them, as a whole or not at all', () => {
    assert.deepEqual(readSums(['size 12', `${one}  -`]), { sizeBytes: 12, parts: [one] });
    assert.deepEqual(readSums(['size 12', one, two])?.parts, [one, two]);
    for (const lines of [
      [],
      ['size 12'],
      [one],
      ['size -1', one],
      ['size 12', one, 'x'],
      ['size 12', one.slice(1)],
    ]) {
      assert.equal(readSums(lines), undefined, JSON.stringify(lines));
    }
  });

  test('an entity tag proves them where it is the sum of the whole or of its parts', () => {
    assert.ok(provesSums(one, { sizeBytes: 1, parts: [one] }));
    assert.ok(provesSums(tag, { sizeBytes: 1, parts: [one, two] }));
    assert.ok(provesSums(`${md5(Buffer.from(one, 'hex'))}-1`, { sizeBytes: 1, parts: [one] }));
    for (const other of [undefined, '', two, one, `${one}-2`, tag.replace('-2', '-3')]) {
      assert.ok(!provesSums(other, { sizeBytes: 1, parts: [one, two] }), other);
    }
  });

  test('are the same when size and all parts are', () => {
    const sums = { sizeBytes: 1, parts: [one, two] };
    assert.ok(areSameSums(sums, { sizeBytes: 1, parts: [one, two] }));
    assert.ok(!areSameSums(sums, { sizeBytes: 2, parts: [one, two] }));
    assert.ok(!areSameSums(sums, { sizeBytes: 1, parts: [two, one] }));
    assert.ok(!areSameSums(sums, { sizeBytes: 1, parts: [one] }));
    assert.deepEqual([showChecksum(sums), showChecksum({ sizeBytes: 1, parts: [one] })], [tag, `md5:${one}`]);
  });
});

describe('entity tags in the answers of a server', () => {
  const object = (key: string, shown: string) =>
    `<Contents><Key>${key}</Key><Size>1</Size><ETag>${shown}</ETag></Contents>`;

  test('are found by key, however they are quoted', () => {
    const tags = readEntityTags(
      `<ListBucketResult>${object('shop/a', `&quot;${one}&quot;`)}${object('shop%2Fb', `"${tag}"`)}` +
        `${object('shop/c', `&#34;${two.toUpperCase()}&#34;`)}</ListBucketResult>`,
    );
    assert.deepEqual(
      [...tags],
      [
        ['shop/a', one],
        ['shop/b', tag],
        ['shop/c', two],
      ],
    );
  });

  test('also across the marks of chunks', () => {
    const text = object('shop/a', `"${one}"`);
    for (let at = 1; at < text.length; at += 1) {
      const chunked = `${text.slice(0, at)}\r\n1f4\r\n${text.slice(at)}`;
      assert.equal(readEntityTags(chunked).get('shop/a'), one, chunked);
    }
  });

  test('of a server that begins objects without an end are read in a moment, and not in hours', () => {
    const answers = `${object('shop/a', `"${one}"`)}${'<Contents>'.repeat(800_000)}`;
    assert.deepEqual([...readEntityTags(answers)], [['shop/a', one]]);
  });

  test('what is no tag is none', () => {
    for (const text of [
      '',
      '<Contents>',
      object('a', ''),
      object('a', 'x'),
      object('', one),
      object('a', `"${one}"</ETag><ETag>`),
    ]) {
      assert.ok(readEntityTags(text).size <= 1);
      assert.equal(readEntityTags(text).get(''), undefined);
    }
  });
});
