import type { ServiceWork } from '../../core/step.ts';
import { volumeFolder } from '../backup/restore-folder.ts';
import { runUnpacking } from '../backup/run-unpacking.ts';
import type { StepExecutor } from './step-executor.ts';

/** Unpacks each chosen archive in its volume, beside what is there. What fails leaves nothing in its own volume. */
export const fetchBackup: StepExecutor<ServiceWork & { kind: 'fetch-backup' }> = async (context, step) => {
  context.isFetched = false;
  const outcome = await runUnpacking(
    context,
    step,
    step.work.store,
    ({ place }) => ({ type: 'volume', source: place.volume, target: volumeFolder, isReadOnly: false }),
    'All is unpacked beside the old content.',
  );
  context.isFetched = outcome.status === 'succeeded';
  return outcome;
};
