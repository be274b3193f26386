import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { HelperService } from '../../../../src/core/helper.ts';
import { removeLock } from '../../../../src/engine/backup/programs/restic-scripts.ts';
import { resticExit } from '../../../../src/engine/backup/programs/restic-shell.ts';
import { runRestic } from '../../../../src/engine/backup/programs/run-restic.ts';
import { type Answer, openBackup, resticStore, valuesOf } from '../../backup-shop.ts';

const isRemoval = ({ command }: HelperService) => command.includes(removeLock);

function lockOf(host: string, change: object = {}): string {
  const lock = { time: '2026-11-22T03:00:00Z', exclusive: true, hostname: host, username: 'root', pid: 17 };
  return `lock ${JSON.stringify({ ...lock, ...change })}`;
}

/** A shop whose repository is locked by these until a lock has been removed. */
function openLocked(locks: (serviceId: string) => readonly string[]) {
  const shop = openBackup();
  const { world, service } = shop;
  let isLocked = true;
  const answer: Answer = helper => {
    if (isRemoval(helper)) {
      isLocked = false;
      return {};
    }
    return isLocked ? { exitCode: resticExit.locked, stdout: locks(service.id) } : { stdout: ['done'] };
  };
  shop.helpersSay(answer);
  const run = () =>
    runRestic(world, resticStore, {
      name: 'swarm-utils-test',
      nodeId: 'node-1',
      owner: service,
      script: 'restic check',
      values: [],
      timeoutMs: 60_000,
      lockMs: 30_000,
    });
  return { ...shop, run };
}

suite('a repository that is locked', () => {
  test('by a helper of ours that is gone: its lock is removed under its own host name', async () => {
    const { run, helpers } = openLocked(id => [lockOf(`${id}-node-1-0badcafe`)]);
    const outcome = await run();
    assert.deepEqual([outcome.status, outcome.output?.stdout], ['succeeded', ['done']]);
    const [first, removal, again] = helpers;
    assert.ok(removal && isRemoval(removal));
    assert.deepEqual(
      [removal.hostname, valuesOf(removal)],
      [`${outcome && openedId(helpers)}-node-1-0badcafe`, ['17']],
    );
    // restic takes a lock of its own host name for one that is left.
    const hosts = [first?.hostname, removal.hostname, again?.hostname];
    assert.equal(new Set(hosts).size, 3);
  });

  const foreign: readonly (readonly [string, (id: string) => string])[] = [
    ['of somebody else', () => lockOf('operator')],
    ['of another service of ours', () => lockOf('other-service-node-1-0badcafe')],
    ['of a helper whose node is away', id => lockOf(`${id}-node-2-0badcafe`)],
    ['of a helper whose node has left', id => lockOf(`${id}-node-9-0badcafe`)],
    ['of a helper that is at work', id => lockOf(`${id}-node-1-11111111`)],
    ['with nothing that can be read', () => 'lock {"hostname":'],
  ];
  for (const [whose, lock] of foreign) {
    test(`${whose}: it stays, and that is said`, async () => {
      const { run, helpers, world, service } = openLocked(id => [lock(id)]);
      world.swarm.addNode({ id: 'node-2', state: 'down' });
      world.swarm.addService({
        name: 'swarm-utils-at-work',
        labels: { 'swarm-utils.helper': 'owner' },
        hostname: `${service.id}-node-1-11111111`,
      });
      const { status, code, message } = await run();
      assert.deepEqual([status, code], ['failed', 'store_busy']);
      assert.match(
        message ?? '',
        /^Somebody else is at work in the repository, which is locked .*waited for 30 seconds/,
      );
      assert.ok(!helpers.some(isRemoval));
    });
  }

  test('names who holds it, without what could pass for our own words', async () => {
    const { run } = openLocked(() => [
      lockOf('backup-host', { exclusive: false, username: 'anna' }),
      lockOf(`evil\u001b[2J\n${'x'.repeat(500)}`),
      ...Array.from({ length: 5 }, (_, index) => lockOf(`more-${index}`)),
    ]);
    const { message = '' } = await run();
    assert.match(message, /locked exclusively by process 17 of root on the host evil/);
    assert.match(message, /and 4 more/);
    assert.ok(message.length < 1000);
    assert.doesNotMatch(message, /\p{Cc}/u);
  });
});

suite('what restic ends with', () => {
  test('is told apart', async () => {
    for (const [exitCode, status, code] of [
      [resticExit.outOfTime, 'timed_out', undefined],
      [resticExit.noSnapshot, 'failed', 'backup_not_found'],
      [resticExit.hopeless, 'failed', 'store_unavailable'],
      [resticExit.wrongPassword, 'failed', 'store_unavailable'],
      [1, 'failed', undefined],
    ] as const) {
      const { run, helpersSay } = openLocked(() => []);
      helpersSay(() => ({ exitCode }));
      const outcome = await run();
      assert.deepEqual([outcome.status, outcome.code], [status, code], `${exitCode}`);
    }
  });
});

/** The id of the service, as the host name of its first helper has it. */
function openedId(helpers: readonly HelperService[]): string {
  return helpers[0]?.hostname?.replace(/-node-1-[0-9a-f]{8}$/, '') ?? '';
}
