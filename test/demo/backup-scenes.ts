import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '../e2e/api-client.ts';
import type { Stage } from './scenes.ts';

const service = 'shop-db';
const home = 'worker-2';
const rows = 1000;
const START_TIMEOUT_MS = 30_000;

export async function databaseIsBackedUp(stage: Stage): Promise<void> {
  const { narrator, lab, services, apiToken } = stage;
  narrator.scene(
    'A database is backed up',
    'PostgreSQL on worker-2, with two volumes. Its labels say: dump it, stop it, write both volumes, start it again. Here they ' +
      'go to a volume of the same node (backup.target=local); S3 is the default.',
  );
  const labels = {
    'swarm-utils.backup.enable': 'true',
    'swarm-utils.backup.exec': 'pg_dumpall -f /dump/all.sql',
    'swarm-utils.backup.stop': 'true',
    'swarm-utils.backup.volume-list-upload': 'shop_data,shop_dump',
    'swarm-utils.backup.target': 'local',
    'swarm-utils.restore.enable': 'true',
  };
  for (const [label, value] of Object.entries(labels)) {
    narrator.progress(`    ${label}=${value}`);
  }
  await services.create(service, {
    image: lab.images.postgres,
    labels: {
      ...labels,
      'swarm-utils.backup.token': apiToken,
      'swarm-utils.restore.token': apiToken,
    },
    args: [
      ...['--constraint', `node.hostname==${home}`],
      ...['--mount', 'type=volume,source=shop_data,target=/var/lib/postgresql/data'],
      ...['--mount', 'type=volume,source=shop_dump,target=/dump'],
    ],
  });
  await inDatabase(stage, `create table orders as select generate_series(1, ${rows}) as number`);
  await ask(stage, 'backup', {});
  narrator.observed('it runs again, with one replica', (await runningTasks(stage)) === 1);
  narrator.observed(`its ${rows} rows are there`, (await countRows(stage)) === `${rows}`);
}

export async function restoreIsTried(stage: Stage): Promise<void> {
  const { narrator, deployment, apiToken } = stage;
  narrator.scene(
    'Would it come back?',
    'What there is, and a restore drill: into scratch volumes, which are counted and removed. The database does not notice.',
  );
  const before = await containerOf(stage);
  narrator.sent(`GET /api/backups?serviceName=${service}`);
  const listed = await deployment.api.get(`/api/backups?serviceName=${service}`, apiToken);
  narrator.answered(listed, { status: 200 });
  const [newest] = listed.body.backups;
  narrator.observed(`the newest is ${newest?.id}, with both volumes`, newest?.isComplete === true);
  const { steps } = await ask(stage, 'restore', { drill: true });
  const counted: { volume: string; files: number; sizeBytes: number }[] = steps.at(-1)?.volumes ?? [];
  const found = counted.map(({ volume, files, sizeBytes }) => `${volume} ${files} files, ${sizeBytes} bytes`);
  narrator.observed(
    `it counted: ${found.join('; ')}`,
    counted.length === 2 && counted.every(({ files }) => files > 0),
  );
  narrator.observed('the database ran all the while', (await containerOf(stage)) === before);
}

export async function databaseIsRestored(stage: Stage): Promise<void> {
  const { narrator } = stage;
  narrator.scene(
    'The data is destroyed, and restored',
    'Somebody deletes the files of the database under its feet. The newest backup takes their place.',
  );
  await inContainer(stage, 'rm', '-rf', '/var/lib/postgresql/data/base', '/dump/all.sql');
  narrator.observed('the rows are gone', (await countRows(stage).catch(() => undefined)) !== `${rows}`);
  await ask(stage, 'restore', {});
  narrator.observed('it runs again, with one replica', (await runningTasks(stage)) === 1);
  narrator.observed(`its ${rows} rows are back`, (await countRows(stage)) === `${rows}`);
  const dump = await inContainer(stage, 'grep', '-c', '^CREATE TABLE', '/dump/all.sql');
  narrator.observed('so is the dump', dump.trim() === '1');
}

async function ask(stage: Stage, action: 'backup' | 'restore', fields: object): Promise<Answer['body']> {
  const { narrator, deployment, apiToken } = stage;
  const path = `/api/${action}/service`;
  const body = { serviceName: service, ...fields };
  narrator.sent(`POST ${path}`, `Authorization: Bearer <plain token of ${service}>`, JSON.stringify(body));
  const answer = await deployment.api.post(path, body, apiToken);
  narrator.answered(answer, { status: 200, verdict: 'succeeded' });
  return answer.body;
}

async function runningTasks({ lab }: Stage): Promise<number> {
  const filters = JSON.stringify({ service: [service], 'desired-state': ['running'] });
  const tasks = (await lab.manager.engine().listTasks({ filters })) as { Status: { State: string } }[];
  return tasks.filter(task => task.Status.State === 'running').length;
}

const countRows = async (stage: Stage) => (await inDatabase(stage, 'select count(*) from orders')).trim();

function inDatabase(stage: Stage, statement: string): Promise<string> {
  return inContainer(stage, 'psql', '--no-align', '--tuples-only', '--command', statement);
}

async function inContainer(stage: Stage, ...command: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await nodeOf(stage).docker([
    'exec',
    await containerOf(stage),
    ...command,
  ]);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

/** The one container of the database; the swarm says "running" a moment before or after the node. */
async function containerOf(stage: Stage): Promise<string> {
  const filter = `label=com.docker.swarm.service.name=${service}`;
  const until = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const { stdout } = await nodeOf(stage).docker(['ps', '--quiet', '--filter', filter]);
    const [id] = stdout.split('\n');
    if (id) {
      return id;
    }
    assert.ok(Date.now() < until, `${service} has no container`);
    await sleep(50);
  }
}

function nodeOf({ lab }: Stage) {
  return lab.nodes.find(({ name }) => name === home) ?? assert.fail();
}
