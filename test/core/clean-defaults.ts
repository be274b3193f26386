import type { CleanNodeDefaults } from '../../src/core/plan/clean-node.ts';
import type { CleanServiceDefaults } from '../../src/core/plan/clean-service.ts';

/** As the environment has them by default. */
export const cleanServiceDefaults: CleanServiceDefaults = { shell: '/bin/sh', execTimeoutMs: 60_000 };
export const cleanNodeDefaults: CleanNodeDefaults = {
  timeoutMs: { container: 60_000, image: 60_000, builder: 60_000 },
  minAgeMs: { container: 0, image: 0, builder: 0 },
  createdMinAgeMs: undefined,
  keep: [],
  execTimeoutMs: 60_000,
};
