import type { VolumePlace } from '../../core/backup.ts';
import { OperationError } from '../../core/errors.ts';
import type { HelperReport } from '../../core/helper.ts';
import { helperName } from '../../core/helper-name.ts';
import { insist } from '../insist.ts';
import { runPlacedHelper } from '../run-placed-helper.ts';
import { settleAll } from '../settle-all.ts';
import type { EngineWorld } from '../steps/step-executor.ts';
import { finishScript, volumesFolder } from './finish-script.ts';
import { codeOf, describeEnd } from './helper-output.ts';

/** How far a restore has come in a volume. @see restore-folder.ts */
const states = ['none', 'partial', 'complete', 'committed'] as const;
type State = (typeof states)[number];

type Action = 'inspect' | 'commit' | 'finish';

export interface FinishOptions {
  /** For one node and what is done there. */
  readonly timeoutMs: number;
  /** All volumes are known to be unpacked, or not. Absent: what lies in them tells. */
  readonly isComplete?: boolean;
  /** The service runs on them, because somebody started it: what was unpacked is removed, and nothing put in the place of the old. */
  readonly isInUse?: boolean;
}

export interface Finished {
  /** The new content is in the place of the old. Else nothing was changed. */
  readonly isForward: boolean;
  readonly reports: readonly HelperReport[];
}

/**
 * Brings a restore to its end in all its volumes, whatever it was killed in the midst of: where all of them were unpacked,
 * the new content takes the place of the old; else what was unpacked is removed. Done again, it changes nothing.
 * Nodes that have left the swarm are passed over.
 * @param options.isInUse the service runs: then only the latter can be done
 * @throws OperationError `restore_failed` where that can't be done: then it is to be tried again before the service starts;
 *   `timed_out`, `helper_busy`, `node_unavailable`
 * @throws SwarmError
 */
export async function finishRestore(
  world: EngineWorld,
  places: readonly VolumePlace[],
  options: Pick<FinishOptions, 'isInUse'> = {},
): Promise<void> {
  await finishVolumes(world, places, { timeoutMs: world.settings.backup.uploadTimeoutMs, ...options });
}

/** As `finishRestore`, and tells what it did. */
export async function finishVolumes(
  world: EngineWorld,
  places: readonly VolumePlace[],
  { timeoutMs, isComplete, isInUse = false }: FinishOptions,
): Promise<Finished> {
  const known = await insist(world.clock, () => world.swarm.listNodes());
  const nodes = groupByNode(places.filter(({ nodeId }) => known.some(({ id }) => id === nodeId)));
  const reports: HelperReport[] = [];
  const onAll = async (...actions: readonly Action[]): Promise<readonly State[]> => {
    const results = await settleAll(nodes.map(volumes => act(world, volumes, actions, timeoutMs)));
    reports.push(...results.map(({ report }) => report));
    return results.flatMap(({ found }) => found);
  };
  const isForward = isComplete ?? goesForward(await onAll('inspect'), isInUse);
  if (isForward && nodes.length > 1) {
    // None may go forward before all are known to: what is killed in between is decided by these marks.
    await onAll('commit');
  }
  await onAll(...(isForward ? (['commit', 'finish'] as const) : (['finish'] as const)));
  return { isForward, reports };
}

/** One that is committed says that all were complete; those that have nothing are through. */
function goesForward(found: readonly State[], isInUse: boolean): boolean {
  const isBegun = found.includes('committed');
  if (isBegun && isInUse) {
    const message =
      'A restore of the volumes was cut off in its midst, and somebody started the service on them: what it writes now may be ' +
      'lost. Scale it to 0, and swarm-utils finishes the restore and starts it.';
    throw new OperationError('restore_failed', message);
  }
  return isBegun || (!isInUse && found.length > 0 && found.every(state => state === 'complete'));
}

interface Acted {
  readonly report: HelperReport;
  readonly found: readonly State[];
}

/** @param places on one node */
async function act(
  world: EngineWorld,
  places: readonly VolumePlace[],
  actions: readonly Action[],
  timeoutMs: number,
): Promise<Acted> {
  const [first] = places;
  const { nodeId, nodeName } = first ?? { nodeId: '', nodeName: '' };
  const volumes = places.map(({ volume }) => volume);
  const outcome = await runPlacedHelper(world, {
    name: helperName('swap', { id: nodeId, name: nodeName }, volumes.join('\n')),
    image: world.settings.helperImage,
    nodeId,
    command: ['/bin/sh', '-euc', finishScript, 'sh', volumesFolder, ...actions],
    mounts: volumes.map((source, index) => ({
      type: 'volume',
      source,
      target: `${volumesFolder}/${index}`,
      isReadOnly: false,
    })),
    capabilities: ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID'],
    timeoutMs,
    printsData: true,
  });
  const { status, report, output } = outcome;
  const lines = output?.stdout ?? [];
  const found = lines.flatMap(line => states.find(state => state === line) ?? []);
  if (status !== 'succeeded' || (actions.includes('inspect') && found.length !== places.length)) {
    const message = `The volumes ${volumes.join(', ')} on ${nodeName} are not as they should be. ${describeEnd(outcome)}`;
    throw new OperationError(codeOf(outcome, 'restore_failed'), message);
  }
  return { report, found };
}

function groupByNode(places: readonly VolumePlace[]): readonly (readonly VolumePlace[])[] {
  const groups = new Map<string, Map<string, VolumePlace>>();
  for (const place of places) {
    const group = groups.get(place.nodeId) ?? new Map<string, VolumePlace>();
    groups.set(place.nodeId, group.set(place.volume, place));
  }
  return [...groups.values()].map(group => [...group.values()]);
}
