import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSession, type Session, serviceToken } from './session.ts';

interface Result {
  readonly action: string;
  readonly target: { readonly kind: string; readonly name: string };
  readonly status: string;
  readonly operation?: string;
  readonly message?: string;
}

interface Run {
  readonly scheduledAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly status: string;
  readonly count?: number;
  readonly results: readonly Result[];
  readonly message?: string;
}

interface Entry {
  readonly key: string;
  readonly serviceName?: string;
  readonly expression: string;
  readonly nextAt: string;
  readonly isRunning: boolean;
  readonly lastRun?: Run;
  readonly missed: { readonly count: number; readonly last: readonly string[] };
  readonly runs: readonly Run[];
}

/** Longer than two rounds of the minute hand, with helpers that wait for busy processors. */
const ROUNDS_MS = 240_000;

describe('the schedule, once a minute and more often', { timeout: 900_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession({ SWARM_UTILS_CRON_EXPR: '* * * * *' });
  });
  after(() => session.close());

  const cleanLabels = (script: string, cron?: string) => ({
    'swarm-utils.clean.enable': 'true',
    'swarm-utils.clean.exec': script,
    ...(cron !== undefined && { 'swarm-utils.clean.cron': cron }),
  });

  async function schedule(token = session.deployment.secrets.adminToken): Promise<readonly Entry[]> {
    const { status, text, body } = await session.deployment.api.get('/api/schedule?limit=100', token);
    assert.equal(status, 200, text);
    assert.equal(body.timeZone, 'UTC');
    return body.entries;
  }

  async function entryOf(serviceName: string | undefined): Promise<Entry> {
    const entries = await schedule();
    return entries.find(entry => entry.serviceName === serviceName) ?? assert.fail(JSON.stringify(entries));
  }

  /** Waits for a run of an entry and answers it. */
  async function awaitRun(serviceName: string | undefined, isIt: (run: Run) => boolean): Promise<Run> {
    let found: Run | undefined;
    let seen = '';
    await session
      .until(
        `a run of ${serviceName ?? 'all'}`,
        async () => {
          const entries = await schedule().catch(() => []);
          const entry = entries.find(each => each.serviceName === serviceName);
          seen = JSON.stringify(entry?.runs);
          found = entry?.runs.find(isIt);
          return found !== undefined;
        },
        ROUNDS_MS,
      )
      .catch(error => assert.fail(`${error.message} ${seen}`));
    return found ?? assert.fail();
  }

  const linesIn = async (serviceName: string, file: string) =>
    Number((await session.inTasks(serviceName, 'sh', '-c', `cat ${file} 2>/dev/null | wc -l`))[0]);

  test('cleans services, then nodes, then backs up; a service with its own time is not among them', async () => {
    const { deployment, lab } = session;
    await session.create('caches', { labels: cleanLabels('echo cleaned >> /tmp/cleaned') });
    await session.create('dumped', {
      labels: {
        'swarm-utils.backup.enable': 'true',
        'swarm-utils.backup.exec': 'echo dumped >> /tmp/dumped',
        'swarm-utils.backup.target': 'local',
      },
    });
    await session.create('often', { labels: cleanLabels('echo cleaned >> /tmp/cleaned', '*/5 * * * * *') });
    await session.create('unmentioned');
    const run = await awaitRun(
      undefined,
      ({ status, results }) => status !== 'running' && results.length === 5,
    );
    assert.equal(run.status, 'succeeded', JSON.stringify(run));
    assert.match(run.scheduledAt, /:00\.000Z$/);
    const results = run.results.map(({ action, target, status }) => `${action} ${target.name} ${status}`);
    assert.deepEqual(
      [results[0], results.slice(1, 4).sort(), results[4]],
      [
        'clean caches succeeded',
        lab.nodes.map(({ name }) => `clean ${name} succeeded`).sort(),
        'backup dumped succeeded',
      ],
    );
    const operations = await Promise.all(
      run.results.map(({ operation }) => session.verdict(String(operation))),
    );
    assert.ok(operations.every(({ caller }) => caller.kind === 'schedule'));
    const parts = [operations.slice(0, 1), operations.slice(1, 4), operations.slice(4)];
    for (const [index, part] of parts.entries()) {
      for (const { createdAt } of part) {
        assert.ok(
          parts
            .slice(0, index)
            .flat()
            .every(({ finishedAt }) => finishedAt <= createdAt),
        );
      }
    }
    assert.ok((await linesIn('caches', '/tmp/cleaned')) >= 1);
    assert.ok((await linesIn('dumped', '/tmp/dumped')) >= 1);

    // Who is no admin sees the entries of services whose labels know them, and no other's.
    await awaitRun('often', () => true);
    const visible = await schedule(serviceToken);
    assert.deepEqual(
      visible.map(({ serviceName }) => serviceName),
      ['often'],
    );
    assert.equal((await deployment.api.get('/api/schedule')).status, 401);
  });

  test('gives a service its own time, and hears within a minute when that changes', async () => {
    await awaitRun('often', ({ status }) => status === 'succeeded');
    const before = await linesIn('often', '/tmp/cleaned');
    await session.until(
      'it runs again and again',
      async () => (await linesIn('often', '/tmp/cleaned')) > before + 1,
      60_000,
    );
    const { runs, expression } = await entryOf('often');
    assert.equal(expression, '*/5 * * * * *');
    assert.ok(runs.every(({ scheduledAt }) => new Date(scheduledAt).getUTCSeconds() % 5 === 0));
    await session.label('often', 'swarm-utils.clean.cron', '0 0 0 1 1 *');
    await session.until(
      'the label is heard',
      async () => (await entryOf('often')).expression === '0 0 0 1 1 *',
      60_000,
    );
    await session.until('it is idle', async () => !(await entryOf('often')).isRunning, 60_000);
    const after = await linesIn('often', '/tmp/cleaned');
    assert.match((await entryOf('often')).nextAt, /-01-01T00:00:00\.000Z$/);
    await sleep(7000);
    assert.equal(await linesIn('often', '/tmp/cleaned'), after);
  });

  test('deploys the running tag anew when it has moved', async () => {
    const { registry } = session.lab;
    await registry.tag('app:1', 'cron/app:main');
    const image = registry.reference('cron/app:main');
    await session.create('following', { image, labels: { 'swarm-utils.update.cron': '*/10 * * * * *' } });
    await awaitRun('following', ({ results }) => results.some(({ status }) => status === 'unchanged'));
    const digest = await registry.tag('app:2', 'cron/app:main');
    await awaitRun('following', ({ results }) => results.some(({ status }) => status === 'succeeded'));
    assert.match(await session.services.image('following'), new RegExp(`${digest}$`));
    await session.services.remove('following');
  });

  test('names a service whose labels are wrong, and a node that can not be cleaned', async () => {
    const worker = session.lab.nodes.find(({ name }) => name === 'worker-2') ?? assert.fail();
    await session.create('misspelt', {
      labels: { ...cleanLabels('true'), 'swarm-utils.clean.exec.tiemout': '1' },
    });
    await session.docker('node', 'update', '--availability', 'drain', worker.swarmNodeId);
    const run = await awaitRun(
      undefined,
      ({ status, results }) => status === 'failed' && results.some(each => each.status === 'skipped'),
    );
    const find = (name: string) => run.results.find(({ target }) => target.name === name);
    assert.equal(find('misspelt')?.status, 'refused');
    assert.match(find('misspelt')?.message ?? '', /tiemout is unknown/);
    assert.deepEqual(
      [find('worker-2')?.status, find('worker-2')?.message],
      ['skipped', 'The availability of the node is drain.'],
    );
    assert.equal(find('caches')?.status, 'succeeded');
    await session.docker('node', 'update', '--availability', 'active', worker.swarmNodeId);
    await session.services.remove('misspelt');
  });

  test('after kill -9 shows what was interrupted and what was missed, runs none of it later, and goes on', async () => {
    const { deployment } = session;
    await session.create('slow', { labels: cleanLabels('sleep 20', '*/10 * * * * *') });
    await session.label('often', 'swarm-utils.clean.cron', '*/5 * * * * *');
    await awaitRun('often', ({ status, scheduledAt }) => status === 'succeeded' && isRecent(scheduledAt));
    await awaitRun('slow', ({ status }) => status === 'skipped');
    await awaitRun('slow', ({ status, results }) => status === 'running' && results[0]?.status === 'running');
    const killedAt = new Date();
    await session.docker('kill', '--signal', 'KILL', await deployment.containerId());
    const interrupted = await awaitRun('slow', ({ status }) => status === 'interrupted');
    assert.equal(interrupted.results[0]?.status, 'interrupted');
    const missed = await awaitRun('often', ({ status }) => status === 'missed');
    const { missed: summary } = await entryOf('often');
    assert.equal(missed.message, 'swarm-utils was not running.');
    assert.equal(summary.count, missed.count);
    assert.ok(summary.last.every(each => new Date(each) >= new Date(killedAt.getTime() - 5000)));
    const next = await awaitRun(
      'often',
      ({ status, scheduledAt }) => status === 'succeeded' && scheduledAt > missed.scheduledAt,
    );
    assert.ok(next.startedAt && next.startedAt >= next.scheduledAt);
    const { runs } = await entryOf('often');
    const times = runs
      .filter(({ startedAt }) => startedAt !== undefined)
      .map(({ scheduledAt }) => scheduledAt);
    assert.equal(new Set(times).size, times.length, 'a run was begun twice');
    assert.ok(
      summary.last.every(each => !times.includes(each)),
      'a missed run was made up for',
    );

    function isRecent(scheduledAt: string): boolean {
      return Date.now() - Date.parse(scheduledAt) < 30_000;
    }
  });
});
