import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environmentPage } from './environment-page.ts';
import { httpPage } from './http-page.ts';
import { labelsPage } from './labels-page.ts';

/** The pages that are made from the code, by their file in this folder. A test compares them with what is there. */
export const generatedPages: Readonly<Record<string, () => string>> = {
  'environment.md': environmentPage,
  'http.md': httpPage,
  'labels.md': labelsPage,
};

if (import.meta.main) {
  for (const [file, makePage] of Object.entries(generatedPages)) {
    writeFileSync(join(import.meta.dirname, file), makePage());
    console.log(`docs/${file}`);
  }
}
