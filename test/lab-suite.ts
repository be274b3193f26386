import { matchesGlob } from 'node:path';
import { Writable } from 'node:stream';
import { type EngineSetting, type MatrixPart, type MatrixRow, settingName } from './engine-matrix.ts';
import { type EngineHome, engineHome } from './lab/engine-programs.ts';
import { type EngineRelease, type Flavour, flavourName, mainFlavours } from './lab/flavours.ts';
import { type Lab, startLab, stopLab } from './lab/lab.ts';
import { describeEngine } from './lab/lab-engine.ts';
import { LabError } from './lab/lab-error.ts';
import { runSuite, type SuiteResult, sumOfResults } from './suite.ts';

type OnProgress = (message: string) => void;

/** Which Engines can be had on this machine. */
export interface PresentEngines {
  /** The main flavour, or what stands in for it. */
  readonly main: Flavour;
  /** Why others cannot be had. */
  readonly missing: ReadonlyMap<EngineRelease, string>;
}

/**
 * Sees which of the Engines can be had, and makes their trees where they are not there yet. Says loudly which cannot.
 * Throws `command-failed` where none can that would do for the main flavour.
 */
export async function prepareEngines(
  engines: readonly EngineRelease[],
  onProgress: OnProgress,
): Promise<PresentEngines> {
  const missing = new Map<EngineRelease, string>();
  const homes = new Map<EngineRelease, EngineHome>();
  const prepare = async (engine: EngineRelease) => {
    try {
      homes.set(engine, await engineHome(engine, onProgress));
    } catch (error) {
      missing.set(engine, error instanceof Error ? error.message : String(error));
      onProgress(`!!! Engine ${engine} cannot be had, so it is NOT TESTED: ${missing.get(engine)}`);
    }
  };
  const [first, standIn] = mainFlavours;
  for (const engine of new Set([first.engine, ...engines])) {
    await prepare(engine);
  }
  if (homes.has(first.engine)) {
    return { main: first, missing };
  }
  await prepare(standIn.engine);
  if (!homes.has(standIn.engine)) {
    throw new LabError('command-failed', `No Engine for the main flavour: ${missing.get(standIn.engine)}`);
  }
  onProgress(`!!! ${flavourName(standIn)} stands in for ${flavourName(first)}`);
  return { main: standIn, missing };
}

/** A group of files that run one after the other in one lab. */
interface Job {
  readonly row: number;
  readonly setting: EngineSetting;
  readonly files: readonly string[];
  /** Files that bring labs of their own, in instances that are the same for all of them. */
  readonly isOfLab: boolean;
}

/** How `runLabParts` runs. */
export interface LabRunOptions {
  /** Labs that files run in at the same time. */
  readonly instances: readonly number[];
  readonly missing: PresentEngines['missing'];
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/**
 * Runs the files of the parts, in order, in several labs side by side. Each lab runs one file after the other, each file
 * takes it as after its start, and it is made anew where the next file wants another flavour. All are down afterwards.
 * Where nothing could run at all, that is a failure.
 */
export async function runLabParts(
  parts: readonly MatrixPart[],
  options: LabRunOptions,
): Promise<{ result: SuiteResult; rows: MatrixRow[] }> {
  const { instances, missing, signal, onProgress } = options;
  const reasons = parts.map(({ setting }) => missing.get(setting.flavour.engine) ?? missingClient(setting));
  const waiting = parts.flatMap((part, row) => (reasons[row] === undefined ? jobsOf(part, row) : []));
  const results = parts.map((): SuiteResult[] => []);
  const engines = new Map<number, string>();
  let ownTurn: Promise<unknown> = Promise.resolve();

  function missingClient({ client }: EngineSetting): string | undefined {
    return client === undefined ? undefined : missing.get(client);
  }

  const runInLane = async (instance: number) => {
    for (let job = waiting.shift(); job !== undefined && !signal.aborted; job = waiting.shift()) {
      const { row, setting, files, isOfLab } = job;
      const run = () => runJob(files, instance, setting, signal);
      try {
        if (isOfLab) {
          // One lane at a time: their instances are the same.
          const turn = ownTurn.then(run);
          ownTurn = turn.catch(() => undefined);
          results[row]?.push(await turn);
        } else {
          const lab = await takeLab(instance, setting.flavour, onProgress);
          engines.set(row, describeEngine(lab.engine));
          results[row]?.push(await run());
        }
      } catch (error) {
        console.error(`${settingName(setting)}: ${files.join(' ')} did not run:`, error);
        results[row]?.push({ passed: 0, failed: 1, durations: new Map() });
      }
    }
  };

  try {
    await Promise.all(instances.slice(0, waiting.length).map(runInLane));
  } finally {
    await Promise.all(instances.map(instance => stopLab(instance, onProgress)));
  }
  const rows = parts.map(({ setting, files }, row): MatrixRow => {
    const { passed, failed, durations } = sumOfResults(results[row] ?? []);
    const seconds = [...durations.values()].reduce((total, ms) => total + ms / 1000, 0);
    return {
      ...{ setting, engine: engines.get(row), files: files.length, passed, failed, seconds },
      missing: reasons[row],
    };
  });
  const sum = sumOfResults(results.flat());
  const hasEnded = !signal.aborted && sum.passed > 0;
  return { result: { ...sum, failed: Math.max(sum.failed, hasEnded ? 0 : 1) }, rows };
}

/** The lab's own tests are one group and come first, for they run one after the other. */
function jobsOf({ setting, files }: MatrixPart, row: number): Job[] {
  const isOfLab = (file: string) => matchesGlob(file, 'test/lab/**');
  const own = files.filter(isOfLab);
  return [
    ...(own.length === 0 ? [] : [{ row, setting, files: own, isOfLab: true }]),
    ...files.filter(file => !isOfLab(file)).map(file => ({ row, setting, files: [file], isOfLab: false })),
  ];
}

/** Runs files in an instance and prints what they said as a whole. */
async function runJob(
  files: readonly string[],
  instance: number,
  setting: EngineSetting,
  signal: AbortSignal,
): Promise<SuiteResult> {
  const said: Buffer[] = [];
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      said.push(chunk);
      done();
    },
  });
  const env = {
    SWARM_UTILS_LAB_INSTANCE: String(instance),
    SWARM_UTILS_LAB_FLAVOUR: flavourName(setting.flavour),
    ...(setting.client !== undefined && { SWARM_UTILS_LAB_CLIENT: setting.client }),
  };
  const result = await runSuite({ files, concurrency: 1, env, signal, output });
  process.stdout.write(
    Buffer.concat([Buffer.from(`-- ${settingName(setting)}: ${files.join(' ')}\n`), ...said]),
  );
  return result;
}

/** The lab of an instance on that flavour; one of another, which an earlier file or run left, is taken down. */
async function takeLab(instance: number, flavour: Flavour, onProgress: OnProgress): Promise<Lab> {
  const tell = (message: string) => onProgress(`lab ${instance}: ${message}`);
  const start = () => startLab({ instance, nodes: 3, managers: 1, flavour, onProgress: tell });
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof LabError) || error.code !== 'other-shape') {
      throw error;
    }
    await stopLab(instance, tell);
    return start();
  }
}
