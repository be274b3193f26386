import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readRegistryWords, registryWords } from '../../../src/engine/docker/registry-words.ts';

suite('the words of an Engine about a registry', () => {
  test('are known by the row that they are in, whatever the rows before it are', () => {
    for (const { fault, advice, said } of registryWords) {
      for (const words of Object.values(said).flatMap(sentence => sentence.split('; '))) {
        assert.deepEqual(readRegistryWords(500, words), { fault, advice }, words);
      }
    }
  });

  test('do not make a missing image of a certificate, a server in trouble or a login', () => {
    for (const [words, fault] of [
      ['x509: certificate signed by unknown authority', 'registry_unreachable'],
      ['unknown: Authentication is required', 'registry_unauthorized'],
      ['unknown: unknown error', 'registry_unreachable'],
      ['dial tcp: lookup x on 10.0.0.1:53: no such host', 'registry_unreachable'],
      ['', 'registry_unreachable'],
    ] as const) {
      assert.equal(readRegistryWords(500, words).fault, fault, words);
    }
  });

  test('count less than a status that says it', () => {
    assert.equal(readRegistryWords(404, 'whatever').fault, 'image_not_found');
    assert.equal(readRegistryWords(401, 'manifest unknown').fault, 'registry_unauthorized');
    assert.equal(readRegistryWords(403, '').fault, 'registry_unauthorized');
  });

  test('count at the beginning, for a registry can make them long', () => {
    assert.equal(
      readRegistryWords(500, `${'x509: '.repeat(500)}manifest unknown`).fault,
      'registry_unreachable',
    );
    assert.equal(readRegistryWords(500, `${' '.repeat(2000)}manifest unknown`).fault, 'registry_unreachable');
  });
});
