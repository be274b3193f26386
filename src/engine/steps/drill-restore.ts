import type { ServiceWork } from '../../core/step.ts';
import { volumeFolder } from '../backup/restore-folder.ts';
import { runUnpacking } from '../backup/run-unpacking.ts';
import type { StepExecutor } from './step-executor.ts';

/** Unpacks each chosen archive as a restore would, in a scratch volume that goes with its helper. */
export const drillRestore: StepExecutor<ServiceWork & { kind: 'drill-restore' }> = (context, step) =>
  runUnpacking(
    context,
    step,
    step.work.store,
    () => ({ type: 'scratch', target: volumeFolder }),
    'All can be unpacked. Nothing of the service was touched.',
  );
