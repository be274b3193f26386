import type { BackupStore, VolumeReport } from '../../core/backup.ts';
import { type HelperMount, type HelperReport, mergeHelperReports } from '../../core/helper.ts';
import { helperName } from '../../core/helper-name.ts';
import type { Step } from '../../core/step.ts';
import { settleAll } from '../settle-all.ts';
import type { RestoreChoice, ServiceContext, StepOutcome } from '../steps/step-executor.ts';
import { codeOf, describeEnd } from './helper-output.ts';
import { parseUnpacked, unpack } from './unpack.ts';

interface Unpacked {
  readonly report: HelperReport;
  readonly volume?: VolumeReport;
  readonly error?: NonNullable<StepOutcome['error']>;
}

/**
 * Unpacks what was chosen, at the same time on different nodes, one after the other on each, until something fails there.
 * @param mountOf where an archive is unpacked
 * @param done what is said of it when all went well
 */
export async function runUnpacking(
  context: ServiceContext,
  step: Step,
  store: BackupStore,
  mountOf: (choice: RestoreChoice) => HelperMount,
  done: string,
): Promise<StepOutcome> {
  const chosen = context.chosen ?? [];
  const nodes = [...new Set(chosen.map(({ place }) => place.nodeId))];
  const work = nodes.map(nodeId =>
    unpackInTurn(
      chosen.filter(({ place }) => place.nodeId === nodeId),
      choice => unpackOne(context, step, store, choice, mountOf(choice)),
    ),
  );
  const results = (await settleAll(work)).flat();
  const helper = mergeHelperReports(results.map(({ report }) => report));
  const volumes = results.flatMap(({ volume }) => (volume === undefined ? [] : [volume]));
  const error = results.find(result => result.error !== undefined)?.error;
  if (error !== undefined) {
    const status = error.code === 'timed_out' ? 'timed_out' : 'failed';
    return { status, message: error.message, helper, volumes, error };
  }
  return { status: 'succeeded', message: done, helper, volumes };
}

async function unpackInTurn(
  choices: readonly RestoreChoice[],
  unpack: (choice: RestoreChoice) => Promise<Unpacked>,
): Promise<readonly Unpacked[]> {
  const results: Unpacked[] = [];
  for (const choice of choices) {
    const result = await unpack(choice);
    results.push(result);
    if (result.error !== undefined) {
      break;
    }
  }
  return results;
}

async function unpackOne(
  { world, service, onProgress }: ServiceContext,
  step: Step,
  store: BackupStore,
  choice: RestoreChoice,
  mount: HelperMount,
): Promise<Unpacked> {
  const { archive, place } = choice;
  const { volume, nodeId, nodeName: node } = place;
  onProgress(`Unpacking ${volume} on ${node}.`);
  const outcome = await unpack(world, store, choice, {
    name: helperName(step.name, service, `${nodeId}/${volume}`),
    nodeId,
    owner: service,
    mount,
    timeoutMs: step.timeoutMs,
  });
  const { report } = outcome;
  const counts = outcome.status === 'succeeded' ? parseUnpacked(outcome.output?.stdout ?? []) : undefined;
  if (counts === undefined) {
    const code = codeOf(outcome, 'restore_failed');
    const message = `${archive.name} could not be unpacked on ${node}. ${describeEnd(outcome)}`;
    return { report, error: { code, message } };
  }
  onProgress(`Unpacked ${volume} on ${node}.`);
  return { report, volume: { node, volume, archive: archive.name, ...counts } };
}
