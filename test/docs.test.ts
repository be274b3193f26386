import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { generatedPages } from '../docs/generate.ts';

const docs = join(import.meta.dirname, '..', 'docs');

describe('generated pages', () => {
  for (const [file, makePage] of Object.entries(generatedPages)) {
    it(`docs/${file} is what the code says (else: npm run docs)`, () => {
      assert.equal(readFileSync(join(docs, file), 'utf8'), makePage());
    });
  }
});
