import { globSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { printSlowest, runInLanes, runSuite, runSuiteWithCoverage, type SuiteResult } from './suite.ts';

const usage = `usage: npm test -- [FILE …]         unit and lab tests, or those whose path contains FILE
       npm run test:unit -- [FILE …]
       npm run test:lab -- [FILE …]`;

/** Of the product's code, by the unit tests alone. */
const thresholds = { lines: 90, branches: 85 };
/** Labs that tests run in at the same time. Not the one that `npm run lab` takes by default, with somebody's work in it. */
const defaultInstances = '1,2,3';

const root = join(import.meta.dirname, '..');
const suites = { unit: runUnit, lab: runLab } as const;
type SuiteName = keyof typeof suites;

const nothing: SuiteResult = { passed: 0, failed: 1, durations: new Map() };

const isSuiteName = (word: string): word is SuiteName => Object.hasOwn(suites, word);

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
  if (selected.some(({ name }) => name === 'lab')) {
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
  let passed = 0;
  let failed = selected.length === 0 ? 1 : 0;
  for (const { name, files } of selected) {
    console.log(`\n== ${name}: ${files.length} ${files.length === 1 ? 'file' : 'files'}`);
    const counts = await suites[name](files, filters.length === 0).catch((error: unknown): SuiteResult => {
      console.error(error);
      return nothing;
    });
    printSlowest(counts.durations);
    passed += counts.passed;
    failed += counts.failed;
    if (interruption.signal.aborted) {
      break;
    }
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode ??= failed === 0 ? 0 : 1;
}

function runUnit(files: readonly string[], isWhole: boolean): Promise<SuiteResult> {
  const { signal } = interruption;
  return isWhole ? runSuiteWithCoverage({ files, signal }, thresholds) : runSuite({ files, signal });
}

/** In each lab one after the other, for each file takes it as after the start. */
async function runLab(files: readonly string[]): Promise<SuiteResult> {
  const { startLab, stopLab } = await import('./lab/lab.ts');
  const { signal } = interruption;
  const start = performance.now();
  const onProgress = (message: string) =>
    console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(5)} s  ${message}`);
  const isOfLab = (file: string) => matchesGlob(file, 'test/lab/**');
  // The lab's own tests have instances of their own, the same for all of them: one after the other, so they come first.
  const groups = [files.filter(isOfLab), ...files.filter(file => !isOfLab(file)).map(file => [file])].filter(
    group => group.length > 0,
  );
  const instances = (process.env.SWARM_UTILS_LAB_INSTANCE ?? defaultInstances)
    .split(',')
    .slice(0, groups.length);
  try {
    // The first makes the images, the others take them.
    for (const instance of instances) {
      await startLab({ instance: Number(instance), nodes: 3, managers: 1, onProgress });
    }
    if (signal.aborted) {
      return nothing;
    }
    const lanes = instances.map(instance => ({ SWARM_UTILS_LAB_INSTANCE: instance }));
    return await runInLanes(groups, lanes, signal);
  } finally {
    await Promise.all(instances.map(instance => stopLab(Number(instance), onProgress)));
  }
}

function filesOf(name: SuiteName): readonly string[] {
  const needsLab = (file: string) =>
    matchesGlob(file, 'test/{e2e,lab}/**') && !file.endsWith('.unit.test.ts');
  return globSync('test/**/*.test.ts', { cwd: root })
    .sort()
    .filter(file => needsLab(file) === (name === 'lab'));
}

function matches(file: string, filters: readonly string[]): boolean {
  return filters.length === 0 || filters.some(filter => file.includes(filter));
}
