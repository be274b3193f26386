import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { githubClaims } from '../fixtures/claims.ts';
import { acmeShop, githubPush } from '../fixtures/github-payloads.ts';
import { signGithubWebhook } from '../fixtures/webhooks.ts';
import type { Answer } from './api-client.ts';
import { createMarker } from './marker.ts';
import type { ServiceOptions } from './services.ts';
import { openSession, type Session, serviceToken } from './session.ts';

const cleanToken = 'token-of-the-clean-4e7a';

describe('clean service', { timeout: 240_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession({ SWARM_UTILS_CLEAN_SERVICE_EXEC_TIMEOUT: '10000' });
  });
  after(() => session.close());

  const clean = (serviceName: string, fields: object = {}, token = cleanToken) =>
    session.deployment.api.post('/api/clean/service', { serviceName, ...fields }, token);
  const create = (name: string, script: string, { labels, ...options }: ServiceOptions = {}) =>
    session.create(name, {
      ...options,
      labels: {
        'swarm-utils.clean.enable': 'true',
        'swarm-utils.clean.token': cleanToken,
        'swarm-utils.clean.exec': script,
        ...labels,
      },
    });
  const tasksOf = ({ body }: Answer) =>
    body.steps[0].helper.tasks as { node: string; exitCode: number; logs: string[] }[];

  describe('in every container', { concurrency: 3 }, () => {
    test('runs the text on every node, and tells what each printed', async () => {
      await create('caches', 'rm -rf /tmp/www && echo "emptied $APP_VERSION of $(hostname)"', {
        isGlobal: true,
      });
      const answer = await clean('caches');
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(
        [answer.body.action, answer.body.status, answer.body.steps.length],
        ['clean', 'succeeded', 1],
      );
      assert.match(answer.body.steps[0].message, /^Done in 3 tasks\.$/);
      const tasks = tasksOf(answer);
      assert.deepEqual(tasks.map(({ node }) => node).sort(), ['manager-1', 'worker-1', 'worker-2']);
      assert.ok(tasks.every(({ exitCode, logs }) => exitCode === 0 && /^emptied 1 of /.test(logs[0] ?? '')));
      assert.equal(new Set(tasks.map(({ logs }) => logs[0])).size, 3);
      for (const listed of await session.inTasks('caches', 'ls', '/tmp')) {
        assert.doesNotMatch(listed, /www/);
      }
    });

    test('one failure fails it, and the others have run', async () => {
      await create('one-fails', 'if [ -e /tmp/broken ]; then echo no >&2; exit 3; fi; touch /tmp/cleaned', {
        isGlobal: true,
      });
      const worker = session.lab.nodes.find(({ name }) => name === 'worker-1') ?? assert.fail();
      const broken =
        (await session.tasks('one-fails')).find(({ nodeId }) => nodeId === worker.swarmNodeId) ??
        assert.fail();
      assert.equal((await worker.docker(['exec', broken.containerId, 'touch', '/tmp/broken'])).exitCode, 0);
      const answer = await clean('one-fails');
      assert.deepEqual([answer.status, answer.body.error.code], [424, 'exec_failed'], answer.text);
      assert.match(answer.body.error.message, /failed in 1 of 3 tasks/);
      const failed = tasksOf(answer).filter(({ exitCode }) => exitCode !== 0);
      assert.deepEqual(
        failed.map(({ node, exitCode, logs }) => [node, exitCode, logs]),
        [['worker-1', 3, ['no']]],
      );
      await worker.docker(['exec', broken.containerId, 'touch', '/tmp/cleaned']);
      const listings = await session.inTasks('one-fails', 'ls', '/tmp');
      assert.ok(listings.every(listed => listed.includes('cleaned')));
      assert.deepEqual(listings.filter(listed => listed.includes('broken')).length, 1);
    });

    test('at the same time, or one after the other where the label says so', async () => {
      const sleep = (seconds: number) =>
        `cut -d. -f1 /proc/uptime; sleep ${seconds}; cut -d. -f1 /proc/uptime`;
      // Longer than what helpers that are begun at the same time may start apart on a busy machine.
      await create('together', sleep(6), { replicas: 3 });
      await create('in-turn', sleep(1), {
        replicas: 3,
        labels: { 'swarm-utils.clean.exec.parallel': 'false' },
      });
      const [together, inTurn] = [await clean('together'), await clean('in-turn')];
      const spans = (answer: Answer) =>
        tasksOf(answer)
          .map(({ logs }) => logs.map(Number))
          .sort(([a = 0], [b = 0]) => a - b);
      const overlaps = (found: number[][]) =>
        found.filter(([start = 0], index) => index > 0 && start < (found[index - 1]?.[1] ?? 0)).length;
      assert.deepEqual([together.status, inTurn.status], [200, 200]);
      assert.equal(overlaps(spans(together)), 2, together.text);
      assert.equal(overlaps(spans(inTurn)), 0, inTurn.text);
    });

    test('those that vanish meanwhile are named, and fail nothing', async () => {
      const script = 'until [ -e /tmp/go ]; do sleep 0.1; done; touch /tmp/cleaned';
      await create('fleeting', script, { isGlobal: true, args: ['--restart-condition', 'none'] });
      const running = clean('fleeting');
      await session.untilHeld('fleeting');
      const worker = session.lab.nodes.find(({ name }) => name === 'worker-2') ?? assert.fail();
      const victim =
        (await session.tasks('fleeting')).find(({ nodeId }) => nodeId === worker.swarmNodeId) ??
        assert.fail();
      assert.equal((await worker.docker(['kill', victim.containerId])).exitCode, 0);
      await session.until(
        'the swarm has seen it',
        async () => (await session.tasks('fleeting')).length === 2,
      );
      await session.release('fleeting');
      const answer = await running;
      assert.equal(answer.status, 200, answer.text);
      const { message } = answer.body.steps[0];
      assert.match(
        message,
        new RegExp(`^Done in 2 tasks\\..*${victim.containerId.slice(0, 12)} \\(task ${victim.id}\\)`),
      );
      assert.ok(
        (await session.inTasks('fleeting', 'ls', '/tmp')).every(listed => listed.includes('cleaned')),
      );
    });

    test('one that overruns its time is ended in the container, with all that it began', async () => {
      const script =
        'trap : TERM; sleep 1111 & setsid sleep 1111 & env -i /bin/setsid /bin/sleep 1111 & wait; sleep 1111';
      await create('slow', script, { labels: { 'swarm-utils.clean.exec.timeout': '1500' } });
      const answer = await clean('slow');
      assert.deepEqual([answer.status, answer.body.status], [504, 'timed_out'], answer.text);
      assert.match(answer.body.error.message, /What it had begun in the container was ended\.$/);
      const [processes = ''] = await session.inTasks('slow', 'ps');
      assert.doesNotMatch(processes, /sleep 1111/);
      assert.match(processes, /httpd|sh/);
      assert.deepEqual(
        (await session.helpers()).filter(name => name.startsWith('swarm-utils-exec-slow')),
        [],
      );
    });

    test('as whom the label says', async () => {
      await create('somebody', 'id -u; id -g', { labels: { 'swarm-utils.clean.exec.user': '70:71' } });
      assert.deepEqual(tasksOf(await clean('somebody'))[0]?.logs, ['70', '71']);
    });

    test('a service without tasks has nothing to clean', async () => {
      await create('asleep', 'exit 1', { replicas: 0 });
      const answer = await clean('asleep');
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.body.steps[0].message, /^Done in 0 tasks\.$/);
    });
  });

  test('is only for whom its own labels of clean name', async () => {
    const { api, githubIssuer, audience, secrets } = session.deployment;
    await create('guarded', 'touch /tmp/cleaned', {
      labels: {
        'swarm-utils.clean.github.repository': acmeShop.fullName,
        'swarm-utils.clean.github.ref': 'refs/heads/main',
      },
    });
    await create('neighbour', 'touch /tmp/cleaned', {
      labels: { 'swarm-utils.clean.token': 'token-of-the-neighbour' },
    });
    const refused = (token: string, name = 'guarded') => session.withoutEffect(() => clean(name, {}, token));
    const update = await refused(serviceToken);
    const neighbour = await refused('token-of-the-neighbour');
    const missing = await refused(cleanToken, 'guarde');
    const blog = githubIssuer.sign(githubClaims({ aud: audience, repository: 'acme/blog' }));
    const pipeline = await refused(blog);
    assert.equal(
      new Set([update, neighbour, missing, pipeline].map(({ status, text }) => `${status} ${text}`)).size,
      1,
    );
    assert.equal(update.status, 404);
    assert.equal((await refused('token-of-nobody-55')).status, 401);
    const own = () => githubIssuer.sign(githubClaims({ aud: audience, repository: acmeShop.fullName }));
    const allowed = await clean('guarded', {}, own());
    assert.deepEqual(
      [allowed.status, allowed.body.caller.repository],
      [200, acmeShop.fullName],
      allowed.text,
    );
    // The same pipeline may not update it.
    assert.equal((await api.post('/api/update/service', { serviceName: 'guarded' }, own())).status, 404);
    assert.equal((await clean('guarded', {}, secrets.adminToken)).status, 200);
    const explain = await api.post('/api/explain', { action: 'clean', serviceName: 'guarded' }, cleanToken);
    assert.deepEqual([explain.body.allowed, explain.body.action], [true, 'clean']);
    const wrong = await clean('guarded', { image: 'x', nodeName: 'y' });
    assert.deepEqual(wrong.body.error.details, ['image: is unknown', 'nodeName: is unknown']);
  });

  test('a webhook starts it where its grant names the event', async () => {
    const grant = (action: string) => ({
      [`swarm-utils.${action}.github.repository`]: acmeShop.fullName,
      [`swarm-utils.${action}.github.ref`]: 'refs/heads/main',
      [`swarm-utils.${action}.github.on`]: 'push',
    });
    await create('hooked', 'touch /tmp/cleaned', { labels: { ...grant('clean'), ...grant('update') } });
    const secret = session.deployment.webhookSecret('github', acmeShop.fullName);
    const webhook = signGithubWebhook({ event: 'push', payload: githubPush({}, acmeShop), secret });
    const { status, body } = await session.deployment.api.webhook('github', webhook);
    assert.equal(status, 202);
    const actions = body.operations.map(({ action }: { action: string }) => action);
    assert.deepEqual(actions, ['update', 'clean']);
    for (const { id } of body.operations) {
      const { status: verdict } = await session.verdict(id);
      assert.ok(['succeeded', 'unchanged'].includes(verdict), verdict);
    }
    assert.ok((await session.inTasks('hooked', 'ls', '/tmp')).every(listed => listed.includes('cleaned')));
  });

  test('to be on and have nothing to run is a clear fault', async () => {
    await session.create('empty', {
      labels: { 'swarm-utils.clean.enable': 'true', 'swarm-utils.clean.token': cleanToken },
    });
    const answer = await session.withoutEffect(() => clean('empty'));
    assert.deepEqual([answer.status, answer.body.error.code], [422, 'label_fault']);
    assert.match(answer.body.error.details[0], /clean\.enable does nothing without swarm-utils\.clean\.exec/);
    // That is no matter of the update.
    assert.equal((await session.update('empty')).status, 200);
  });

  test('the text is run by the shell of the container, and by nothing else', async () => {
    const marker = createMarker(session.lab);
    const script = `echo "<$SWARM_UTILS_ADMIN_TOKEN_LIST_FILE><$APP_VERSION><$0>"; echo '"; ${marker.command} #'`;
    await create('quoted', script);
    const answer = await clean('quoted');
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(tasksOf(answer)[0]?.logs, ['<><1></bin/sh>', `"; ${marker.command} #`]);
    await create('bad-shell', 'true', {
      labels: { 'swarm-utils.clean.exec.shell': `/bin/sh -c "${marker.command}"` },
    });
    assert.equal((await clean('bad-shell')).body.error.code, 'exec_failed');
    await marker.assertAbsent();
  });

  test('what a swarm-utils that was killed left in the container is refused, and ended once its time is over', async () => {
    await create('left', 'sleep 1112', { labels: { 'swarm-utils.clean.exec.timeout': '25000' } });
    const { body } = await clean('left', { waitRes: false });
    const sleeps = async () =>
      ((await session.inTasks('left', 'ps'))[0]?.match(/sleep 1112$/gm) ?? []).length;
    await session.until('it is at work', async () => (await sleeps()) > 0);
    const { deployment, lab } = session;
    await lab.manager
      .engine()
      .getContainer(await deployment.containerId())
      .kill({ signal: 'SIGKILL' });
    await session.until(
      'another one is ready',
      () =>
        deployment.api.get('/readyz').then(
          ({ status }) => status === 200,
          () => false,
        ),
      30_000,
    );
    assert.equal((await session.verdict(body.id)).status, 'interrupted');
    const refused = await clean('left');
    assert.deepEqual([refused.status, refused.body.error.code], [409, 'still_running'], refused.text);
    assert.match(refused.body.error.message, /It may take \d+ seconds? more\./);
    await session.label('left', 'swarm-utils.clean.exec', 'true');
    await session.until('its time is over', async () => (await clean('left')).status === 200, 45_000);
    assert.equal(await sleeps(), 0);
  });
});
