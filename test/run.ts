import { globSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { type MatrixPart, matrixTable, partsOnAll, shortMatrix, wholeMatrix } from './engine-matrix.ts';
import { engineReleases, flavourOfName } from './lab/flavours.ts';
import { printSlowest, runSuite, runSuiteWithCoverage, type SuiteResult } from './suite.ts';

const usage = `usage: npm test -- [FILE …]               unit and lab tests, or those whose path contains FILE
       npm run test:unit -- [FILE …]
       npm run test:lab -- [FILE …]
       npm run test:engines -- [FILE …]     what depends on the Engine, or FILEs, on every Engine
       npm run test:faults                  the long form of the tests with a connection to the Engine that fails`;

/** Of the product's code, by the unit tests alone. */
const thresholds = { lines: 90, branches: 85 };
/** Labs that tests run in at the same time. Not the one that `npm run lab` takes by default, with somebody's work in it. */
const defaultInstances = '1,2,3';

const root = join(import.meta.dirname, '..');
const suiteNames = ['unit', 'lab', 'engines', 'faults'] as const;
type SuiteName = (typeof suiteNames)[number];

const nothing: SuiteResult = { passed: 0, failed: 1, durations: new Map() };

const isSuiteName = (word: string): word is SuiteName => suiteNames.some(name => name === word);

/** Ends the tests that run, so that what they started is taken down. */
const interruption = new AbortController();
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    console.error(`${signal}: ending the tests and taking down what they started …`);
    process.exitCode = exitCodes[signal];
    interruption.abort();
  });
}

const start = performance.now();
const onProgress = (message: string) =>
  console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(5)} s  ${message}`);

await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<void> {
  const names = words.filter(isSuiteName);
  const filters = words.filter(word => !isSuiteName(word));
  if (names.length === 0 || filters.some(filter => filter.startsWith('-'))) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }
  const selected = names
    .map(name => ({ name, files: filesOf(name).filter(file => matches(file, filters)) }))
    .filter(({ files }) => files.length > 0);
  const isWhole = filters.length === 0;
  if (selected.some(({ name }) => name !== 'unit')) {
    const { requirePrivileges } = await import('./lab/privileges.ts');
    try {
      requirePrivileges();
    } catch (error) {
      console.error((error as Error).message);
      process.exitCode = 1;
      return;
    }
  }
  if (selected.length === 0) {
    console.error(`No test file matches ${filters.join(' or ')}.`);
  }
  const lab = selected.find(({ name }) => name !== 'unit');
  // Engines that are missing are made while the unit tests run.
  const preparation = lab && prepare(lab.name === 'engines' || (lab.name === 'lab' && isWhole));
  // Whatever is wrong is said where it is waited for.
  preparation?.catch(() => undefined);

  let passed = 0;
  let failed = selected.length === 0 ? 1 : 0;
  for (const { name, files } of selected) {
    console.log(`\n== ${name}: ${files.length} ${files.length === 1 ? 'file' : 'files'}`);
    const work = name === 'unit' ? runUnit(files, isWhole) : runLab(name, files, isWhole, preparation);
    const counts = await work.catch((error: unknown): SuiteResult => {
      console.error(error);
      return nothing;
    });
    passed += counts.passed;
    failed += counts.failed;
    if (interruption.signal.aborted) {
      break;
    }
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode ??= failed === 0 ? 0 : 1;
}

async function runUnit(files: readonly string[], isWhole: boolean): Promise<SuiteResult> {
  const { signal } = interruption;
  const result = isWhole
    ? await runSuiteWithCoverage({ files, signal }, thresholds)
    : await runSuite({ files, signal });
  printSlowest(result.durations);
  return result;
}

async function prepare(onAll: boolean) {
  const { prepareEngines } = await import('./lab-suite.ts');
  const named = process.env.SWARM_UTILS_LAB_FLAVOUR;
  const wanted = named === undefined ? [] : [flavourOfName(named)];
  const engines = onAll ? engineReleases : wanted.map(({ engine }) => engine);
  const present = await prepareEngines(engines, onProgress);
  return { missing: present.missing, main: wanted[0] ?? present.main };
}

async function runLab(
  name: SuiteName,
  files: readonly string[],
  isWhole: boolean,
  preparation: ReturnType<typeof prepare> | undefined,
): Promise<SuiteResult> {
  const { runLabParts } = await import('./lab-suite.ts');
  if (name === 'faults') {
    process.env.SWARM_UTILS_FAULTS = 'long';
  }
  const { main: flavour, missing } = (await preparation) ?? (await prepare(true));
  const parts: readonly MatrixPart[] =
    name === 'engines'
      ? isWhole
        ? wholeMatrix(files)
        : partsOnAll(files)
      : [{ setting: { flavour }, files }, ...(isWhole && name === 'lab' ? shortMatrix(files) : [])];
  const instances = (process.env.SWARM_UTILS_LAB_INSTANCE ?? defaultInstances).split(',').map(Number);
  const { signal } = interruption;
  const { result, rows } = await runLabParts(parts, { instances, missing, signal, onProgress });
  printSlowest(result.durations);
  console.log(`\n${matrixTable(rows)}`);
  return result;
}

function filesOf(name: SuiteName): readonly string[] {
  const needsLab = (file: string) =>
    matchesGlob(file, 'test/{e2e,lab}/**') && !file.endsWith('.unit.test.ts');
  const files = globSync('test/**/*.test.ts', { cwd: root }).sort();
  return name === 'faults'
    ? files.filter(file => matchesGlob(file, 'test/e2e/faults-*'))
    : files.filter(file => needsLab(file) === (name !== 'unit'));
}

function matches(file: string, filters: readonly string[]): boolean {
  return filters.length === 0 || filters.some(filter => file.includes(filter));
}
