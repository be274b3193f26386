import type { BackupSummary } from '../../core/backup.ts';
import { summarizeBackups } from '../../core/backup-listing.ts';
import { planStore } from '../../core/backup-store.ts';
import { OperationError } from '../../core/errors.ts';
import type { ServiceTarget } from '../../core/target.ts';
import { insist } from '../insist.ts';
import type { EngineWorld } from '../steps/step-executor.ts';
import type { Node } from '../swarm.ts';
import { takesTasks } from '../why-no-tasks.ts';
import { listArchives } from './list-archives.ts';

const TIMEOUT_MS = 60_000;

/**
 * What can be restored of a service, newest first. It takes no lock: it may see a backup that is being written.
 * @throws OperationError `backup_target_incomplete`, `node_unavailable` when no node takes helpers, `helper_failed`,
 *   `helper_busy` while it is listed already, `timed_out`
 * @throws SwarmError
 */
export async function listBackups(
  world: EngineWorld,
  { id, name, labels: { backup } }: ServiceTarget,
): Promise<readonly BackupSummary[]> {
  const { swarm, clock } = world;
  const store = planStore(name, backup, world.settings.backup.store);
  const [nodes, tasks] = await Promise.all([
    insist(clock, () => swarm.listNodes()),
    insist(clock, () => swarm.listTasks(id)),
  ]);
  const isHome = (nodeId: string) => tasks.some(task => task.nodeId === nodeId && task.state === 'running');
  // Where the service runs, the store can be reached if it can be at all, and its keys have been before. Else a manager sees
  // them, which has all secrets of the swarm, rather than a worker that they are none of the business of.
  const rankOf = ({ id: nodeId, role }: Node) => (isHome(nodeId) ? 2 : role === 'manager' ? 1 : 0);
  const ready = nodes.filter(takesTasks).sort((a, b) => rankOf(b) - rankOf(a));
  if (ready.length === 0) {
    throw new OperationError('node_unavailable', 'No node takes helpers, so nobody could look.');
  }
  const looking = { service: { id, name }, step: 'list', timeoutMs: TIMEOUT_MS };
  const known = { volumes: backup.volumes, nodes: nodes.map(({ hostname }) => hostname) };
  return summarizeBackups(await listArchives(world, store, ready, looking, known), backup.volumes);
}
