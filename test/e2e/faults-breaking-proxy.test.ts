import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startLab } from '../lab/lab.ts';
import { type BreakingProxy, startBreakingProxy } from './breaking-proxy.ts';
import { createFaultScene, type FaultScene, type Lane } from './fault-scene.ts';

const isLong = process.env.SWARM_UTILS_FAULTS === 'long';
const operations = isLong ? 300 : 36;
const seed = Number(process.env.SWARM_UTILS_FAULTS_SEED ?? '20261122');
/** Two calls that stall, and the patience with an Engine that is away between them. */
const SLACK_MS = 90_000;
const RECOVERY_MS = 90_000;

describe('a connection to the Engine that fails once in ten times', {
  timeout: isLong ? 2_400_000 : 600_000,
}, () => {
  let proxy: BreakingProxy;
  let scene: FaultScene;
  before(async () => {
    const instance = Number(process.env.SWARM_UTILS_LAB_INSTANCE ?? '1');
    const lab = await startLab({ instance, nodes: 3, managers: 1 });
    proxy = await startBreakingProxy(lab.manager.socketPath, lab.hostAddress, seed);
    scene = await createFaultScene({ SWARM_UTILS_DOCKER_HOST: proxy.host });
  });
  after(async () => {
    await scene?.close();
    await proxy?.close();
  });

  test(`lets ${operations} operations of every kind end in time and truly, and leaves nothing behind`, async () => {
    console.log(`seed ${seed} (SWARM_UTILS_FAULTS_SEED)`);
    const verdicts = new Map<string, number>();
    let begun = 0;
    const work = async (lane: Lane) => {
      while (begun < operations) {
        begun += 1;
        const { kind, operation, check } = await lane();
        const verdict = operation?.status ?? 'not accepted';
        const code = operation?.error?.code ?? '';
        const key = `${kind}: ${verdict} ${code}`.trim();
        verdicts.set(key, (verdicts.get(key) ?? 0) + 1);
        if (operation !== undefined) {
          const tookMs =
            Date.parse(operation.finishedAt) - Date.parse(operation.startedAt ?? operation.createdAt);
          assert.ok(
            tookMs < (operation.timeoutMs ?? 0) + SLACK_MS,
            `${tookMs} ms: ${JSON.stringify(operation)}`,
          );
        }
        await check();
      }
    };
    proxy.begin();
    const startedAt = Date.now();
    try {
      await Promise.all(scene.lanes.map(work));
    } finally {
      proxy.end();
      console.log(
        `${Date.now() - startedAt} ms`,
        proxy.counts(),
        Object.fromEntries([...verdicts].toSorted()),
      );
    }
    const endedAt = Date.now();
    await scene.untilMended(RECOVERY_MS);
    await scene.until('it is ready', scene.isReady, RECOVERY_MS);
    await scene.until('the schedule goes on', () => scene.hasRunSince(endedAt), RECOVERY_MS);
    for (const lane of scene.lanes) {
      const { kind, operation } = await lane();
      assert.match(
        operation?.status ?? '',
        /^(succeeded|unchanged)$/,
        `${kind}: ${JSON.stringify(operation)}`,
      );
    }
  });

  test('that stalls altogether makes it not ready for no longer than that, though no call is ever answered', async () => {
    proxy.stall();
    await scene.until('it is not ready', async () => !(await scene.isReady()));
    proxy.end();
    await scene.until('it is ready again', scene.isReady, RECOVERY_MS);
    const recoveredAt = Date.now();
    await scene.until('the schedule goes on', () => scene.hasRunSince(recoveredAt), RECOVERY_MS);
  });
});
