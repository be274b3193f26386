import type { ServiceWork } from '../../core/step.ts';
import { rollOut } from '../rollout.ts';
import type { StepExecutor } from './step-executor.ts';

/** Rolls the resolved image out. */
export const rollout: StepExecutor<ServiceWork & { kind: 'rollout' }> = async (context, step) => {
  const { world, service, resolved, onProgress } = context;
  if (resolved === undefined) {
    throw new TypeError('A rollout needs the image that resolve-image finds.');
  }
  const { pendingMs, extraMs } = world.settings.timeouts;
  const outcome = await rollOut(
    { ...world, pendingTimeoutMs: pendingMs },
    {
      service,
      image: resolved.pinned,
      platforms: resolved.platforms,
      isForce: resolved.isForce,
      credentials: resolved.credentials,
      timeoutMs: step.timeoutMs + pendingMs + extraMs,
      onProgress,
      checkStillAllowed: () => context.checkStillAllowed(resolved.reference),
    },
  );
  if (outcome.status === 'succeeded') {
    return outcome;
  }
  const { status, code, message, tasks } = outcome;
  return {
    status: status === 'rolled_back' ? 'failed' : status,
    message,
    tasks,
    error: { code, message },
    ...(status === 'rolled_back' && { verdict: status }),
  };
};
