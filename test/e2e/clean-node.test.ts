import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { LabNode } from '../lab/lab-node.ts';
import type { Answer } from './api-client.ts';
import { createMarker } from './marker.ts';
import { createNodeScene, type NodeScene } from './node-scene.ts';
import { openSession, type Session, serviceToken } from './session.ts';

describe('clean node', { timeout: 300_000 }, () => {
  let session: Session;
  let scene: NodeScene;
  let worker: LabNode;
  let other: LabNode;
  before(async () => {
    session = await openSession({ SWARM_UTILS_CLEAN_NODE_IMAGE_KEEP: 'kept.test/by-environment' });
    scene = createNodeScene(session);
    [worker, other] = [scene.node('worker-1'), scene.node('worker-2')];
  });
  after(() => session.close());

  const stepOf = ({ body }: Answer, name: string) =>
    body.steps.find((step: { name: string }) => step.name === name) ??
    assert.fail(`${name}: ${JSON.stringify(body)}`);

  test('keeps whatever is needed, and removes the rest', async () => {
    const { lab } = session;
    const on = ['--constraint', 'node.hostname==worker-1'];
    await session.create('rolled', { args: on });
    assert.equal((await session.update('rolled', { image: lab.images.app['2'] })).status, 200);
    await session.create('asleep', { image: lab.images.app['3'], replicas: 0, args: on });
    await scene.docker(worker, 'pull', '--quiet', await session.pinned(lab.images.app['3']));
    await scene.docker(worker, 'pull', '--quiet', lab.images.app.slow);
    const fat = await scene.makeImage(worker, 'fat.test/unused:1', 6_000_000);
    await scene.docker(worker, 'tag', 'fat.test/unused:1', 'fat.test/unused:2');
    await scene.makeImage(worker, 'kept.test/by-environment:1', 1000);
    await scene.docker(worker, 'run', '--detach', '--name', 'running', lab.images.runner, 'sleep', '1000');
    const ranImage = await scene.makeImage(worker, 'only-a-stopped-container.test/has-it:1', 500_000);
    const volumes = ['--volume', 'named:/named', '--volume', '/anonymous'];
    const ran = ['run', '--name', 'stopped', ...volumes, 'only-a-stopped-container.test/has-it:1'];
    await scene.docker(worker, ...ran, 'sh', '-c', 'head -c 300000 /dev/urandom > /left; exit 3');
    const waiting = await scene.makeImage(worker, 'created.test/waits:1', 1000);
    await scene.docker(worker, 'create', '--name', 'waiting', 'created.test/waits:1', 'true');
    // What the rollout stopped has been taken away by the swarm, or is about to be.
    const bytesBefore = await scene.containerBytes(worker);
    const before = await scene.images(worker);
    const volumesBefore = (await scene.docker(worker, 'volume', 'ls', '--quiet')).split('\n').sort();

    const planned = await scene.clean('worker-1', { dryRun: true });
    assert.equal(planned.status, 200, planned.text);
    assert.deepEqual(await scene.images(worker), before, 'a dry run removes nothing');
    assert.ok((await scene.containers(worker)).includes('stopped'));
    const namesOf = (answer: Answer, step: string) =>
      stepOf(answer, step)
        .removal.removed.flatMap(({ names }: { names: string[] }) => names)
        .sort();
    assert.ok(namesOf(planned, 'containers').includes('stopped'));
    assert.match(stepOf(planned, 'images').message, /^Would remove \d+ images\./);
    // The image of the stopped container would go once that has gone.
    const expected = ['fat.test/unused:1', 'fat.test/unused:2', lab.images.app.slow].sort();
    assert.deepEqual(
      namesOf(planned, 'images'),
      [...expected, 'only-a-stopped-container.test/has-it:1'].sort(),
    );

    const cleaned = await scene.clean('worker-1');
    assert.equal(cleaned.status, 200, cleaned.text);
    assert.deepEqual(
      cleaned.body.steps.map(({ name, status }: { name: string; status: string }) => `${name} ${status}`),
      ['containers succeeded', 'images succeeded', 'build-cache succeeded'],
    );
    assert.deepEqual(cleaned.body.target, { kind: 'node', id: worker.swarmNodeId, name: 'worker-1' });
    const containers = await scene.containers(worker);
    assert.ok(
      !containers.includes('stopped') && containers.includes('running') && containers.includes('waiting'),
    );
    const volumesAfter = (await scene.docker(worker, 'volume', 'ls', '--quiet')).split('\n').sort();
    assert.deepEqual(volumesAfter, volumesBefore, 'volumes are never removed');
    assert.ok(volumesAfter.includes('named') && volumesAfter.length > 1);
    const left = await scene.images(worker);
    const digests = Promise.all(['app:1', 'app:2', 'app:3'].map(name => lab.registry.digest(name)));
    const [first, second, third] = await digests;
    for (const [what, reference] of Object.entries({
      'the rollback': first,
      'the service': second,
      'the service without tasks': third,
      'the helpers': lab.images.dockerCli,
      'a running container': lab.images.runner,
      'a container that was not started yet': waiting,
      'the pattern': 'kept.test/by-environment:1',
    })) {
      assert.ok(left.includes(String(reference)), `${what} needs ${reference}: ${left}`);
    }
    for (const gone of [fat, ranImage, ...expected]) {
      assert.ok(!left.includes(gone), `${gone} is still there`);
    }
    // Helpers of the clean itself have ended meanwhile, and take a few blocks each.
    const { reclaimedBytes } = stepOf(cleaned, 'containers').removal;
    const lessBytes = bytesBefore - (await scene.containerBytes(worker));
    const detail = `${reclaimedBytes} bytes reported, ${lessBytes} less on the disk`;
    assert.ok(lessBytes >= 300_000 && Math.abs(reclaimedBytes - lessBytes) <= 50_000, detail);
    assert.match(stepOf(cleaned, 'images').message, /^Removed 3 images, .*\. Kept \d+: /);
    assert.match(
      stepOf(cleaned, 'containers').message,
      /^Removed \d stopped containers, 3\d\d(?:\.\d+)? kB\./,
    );
    assert.equal(stepOf(cleaned, 'build-cache').removal.reclaimedBytes, 0);
    assert.deepEqual(await session.helpers(), []);

    // The proof of the rollback: nothing can be pulled.
    await lab.registry.stop();
    try {
      await session.docker('service', 'rollback', '--quiet', '--detach', 'rolled');
      await session.docker('service', 'scale', '--detach', 'asleep=1');
      await session.until('both run', async () => {
        const [rolled, awake] = await Promise.all(['rolled', 'asleep'].map(name => session.tasks(name)));
        return rolled?.[0]?.image.endsWith(String(first)) === true && awake?.length === 1;
      });
    } finally {
      await lab.registry.start();
    }

    const again = await scene.clean('worker-1');
    assert.equal(again.status, 200, again.text);
    assert.equal(stepOf(again, 'images').removal.removedCount, 0);
    await session.services.remove('rolled', 'asleep');
    await scene.docker(worker, 'rm', '--force', 'running', 'waiting');
    await scene.docker(worker, 'rmi', 'kept.test/by-environment:1', 'created.test/waits:1');
  });

  test('what its labels say holds: parts, age, patterns', async () => {
    await scene.makeImage(other, 'young.test/image:1', 1000);
    await scene.makeImage(other, 'kept.test/by-label:v1', 1000);
    await scene.makeImage(other, 'kept.test/by-label:w1', 1001);
    await scene.docker(other, 'run', '--name', 'ended', session.lab.images.runner, 'true');
    await scene.label('worker-2', {
      'swarm-utils.clean.container.enable': 'false',
      'swarm-utils.clean.builder.min-age': '3_600_000',
      'swarm-utils.clean.image.min-age': '3600000',
    });
    const young = await scene.clean('worker-2');
    assert.equal(young.status, 200, young.text);
    assert.deepEqual(
      young.body.steps.map(({ name }: { name: string }) => name),
      ['images', 'build-cache'],
    );
    assert.match(stepOf(young, 'images').message, /3 too young/);
    assert.ok((await scene.containers(other)).includes('ended'));
    await scene.label('worker-2', {
      'swarm-utils.clean.container.enable': 'true',
      'swarm-utils.clean.image.min-age': '0',
      'swarm-utils.clean.image.keep': 'kept.test/by-label:v*',
    });
    const cleaned = await scene.clean('worker-2');
    assert.equal(cleaned.status, 200, cleaned.text);
    const left = await scene.images(other);
    assert.ok(left.includes('kept.test/by-label:v1'));
    assert.ok(!left.includes('kept.test/by-label:w1') && !left.includes('young.test/image:1'));
    assert.ok(!(await scene.containers(other)).includes('ended'));
    const { body } = await session.deployment.api.get('/api/nodes', session.deployment.secrets.adminToken);
    const shown = body.nodes.find(({ name }: { name: string }) => name === 'worker-2');
    assert.deepEqual(shown.clean.image, { isEnabled: true, timeoutMs: 60_000, minAgeMs: 0 });
    assert.deepEqual(shown.clean.keep, ['kept.test/by-environment', 'kept.test/by-label:v*']);
    await scene.unlabel('worker-2');
  });

  test('a helper whose output nobody has read keeps its container', async () => {
    const args = [
      'service',
      'create',
      '--detach',
      '--quiet',
      '--name',
      'swarm-utils-left',
      '--restart-condition',
      'none',
    ];
    const labels = ['--label', 'swarm-utils.helper=true', '--container-label', 'swarm-utils.helper=true'];
    await session.docker(
      ...args,
      ...labels,
      '--constraint',
      'node.hostname==worker-2',
      session.lab.images.runner,
      'echo',
      'unread',
    );
    await session.until('it has ended', async () =>
      (await session.docker('service', 'ps', '--format', '{{.CurrentState}}', 'swarm-utils-left')).startsWith(
        'Complete',
      ),
    );
    const answer = await scene.clean('worker-2');
    assert.equal(answer.status, 200, answer.text);
    // One of the clean before may not have gone yet.
    assert.match(stepOf(answer, 'containers').message, /[1-9]\d* of helpers/);
    assert.match(await session.docker('service', 'logs', '--raw', 'swarm-utils-left'), /unread/);
    await session.services.remove('swarm-utils-left');
  });

  test('who has the token of a node cleans that node and no other', async () => {
    const { api } = session.deployment;
    await scene.label('worker-1', { 'swarm-utils.clean.token': 'token-of-worker-1' });
    await scene.label('worker-2', { 'swarm-utils.clean.token': 'token-of-worker-2' });
    await session.create('bystander', { replicas: 0 });
    const own = await scene.clean('worker-1', { token: 'token-of-worker-1', dryRun: true }, undefined);
    assert.equal(own.status, 200, own.text);
    assert.deepEqual(own.body.caller, { kind: 'token' });
    const foreign = (body: object, token: string) =>
      session.withoutEffect(() => api.post('/api/clean/node', body, token));
    const refused = [
      await foreign({ nodeName: 'worker-2' }, 'token-of-worker-1'),
      await foreign({ nodeName: 'manager-1' }, 'token-of-worker-1'),
      await foreign({ nodeName: 'worker-3' }, 'token-of-worker-1'),
      await foreign({ nodeName: 'worker' }, 'token-of-worker-1'),
      await foreign({ nodeName: 'worker-1' }, serviceToken),
    ];
    assert.deepEqual(new Set(refused.map(({ status, text }) => `${status} ${text}`)).size, 1);
    assert.equal(refused[0]?.status, 404);
    assert.equal((await foreign({ nodeName: 'worker-1' }, 'token-of-nobody-77')).status, 401);
    // Nor does it do anything to services.
    assert.equal(
      (await api.post('/api/clean/service', { serviceName: 'bystander' }, 'token-of-worker-1')).status,
      404,
    );
    assert.equal((await api.get('/api/nodes', 'token-of-worker-1')).status, 404);
    const { body } = await api.get('/api/operations', 'token-of-worker-1');
    assert.ok(body.operations.length > 0);
    assert.ok(
      body.operations.every(({ target }: { target: { name: string } }) => target.name === 'worker-1'),
    );
    assert.equal((await api.get(`/api/operations/${own.body.id}`, 'token-of-worker-2')).status, 404);
    assert.equal((await api.get('/api/operations?nodeName=worker-1', 'token-of-worker-2')).status, 404);
    assert.equal((await api.get('/api/operations?nodeName=worker-1', 'token-of-worker-1')).status, 200);
    await session.services.remove('bystander');
    await scene.unlabel('worker-1');
    await scene.unlabel('worker-2');
  });

  test("what the node's own label says is run there at the end, and shown nowhere", async () => {
    const { api, secrets } = session.deployment;
    const canary = 'canary-of-the-node-label-9c1d';
    const { dockerCli } = session.lab.images;
    const script = `: ${canary}; docker info --format '{{.Name}}' && echo "$0" >/tmp/shell && cat /tmp/shell && docker run --rm ${dockerCli} sh -c 'echo beside'`;
    await scene.label('worker-2', {
      'swarm-utils.clean.exec': script,
      'swarm-utils.clean.exec.shell': '/bin/ash',
    });
    const dry = await scene.clean('worker-2', { dryRun: true });
    assert.equal(dry.status, 200, dry.text);
    assert.deepEqual(stepOf(dry, 'exec'), {
      ...stepOf(dry, 'exec'),
      status: 'skipped',
      message: "A dry run does not run the label's text.",
    });
    const answer = await scene.clean('worker-2');
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.steps.at(-1).name, 'exec');
    const [task] = stepOf(answer, 'exec').helper.tasks;
    assert.deepEqual(
      [task.node, task.exitCode, task.logs],
      ['worker-2', 0, ['worker-2', '/bin/ash', 'beside']],
      answer.text,
    );
    await scene.label('worker-2', { 'swarm-utils.clean.exec': `${script}; echo no >&2; exit 7` });
    const failed = await scene.clean('worker-2');
    assert.deepEqual([failed.status, failed.body.error.code], [424, 'exec_failed'], failed.text);
    assert.equal(stepOf(failed, 'exec').helper.tasks[0].exitCode, 7);
    assert.equal(stepOf(failed, 'images').status, 'succeeded');
    await scene.label('worker-2', {
      'swarm-utils.clean.exec': `sleep 60; ${canary}`,
      'swarm-utils.clean.exec.timeout': '1500',
    });
    const late = await scene.clean('worker-2');
    assert.deepEqual([late.status, late.body.status], [504, 'timed_out'], late.text);
    assert.deepEqual(await session.helpers(), []);
    await scene.label('worker-2', { 'swarm-utils.clean.exce': canary });
    const faulty = await session.withoutEffect(() => scene.clean('worker-2'));
    assert.equal(faulty.status, 422);
    const nodes = await api.get('/api/nodes', secrets.adminToken);
    const operations = await api.get('/api/operations?nodeName=worker-2', secrets.adminToken);
    const shown = [dry, answer, failed, late, faulty, nodes, operations].map(({ text }) => text);
    assert.ok(![...shown, await session.deployment.logs()].some(text => text.includes(canary)));
    await scene.unlabel('worker-2');
  });

  test('nothing in a name or a label is ever run', async () => {
    const marker = createMarker(session.lab);
    const { api, secrets } = session.deployment;
    for (const text of [
      `worker-1; ${marker.command}`,
      `$(${marker.command})`,
      `\`${marker.command}\``,
      '--help',
      '*',
      '',
    ]) {
      const answer = await session.withoutEffect(() =>
        api.post('/api/clean/node', { nodeName: text }, secrets.adminToken),
      );
      assert.equal(answer.status, 400, text);
    }
    for (const [label, value] of [
      ['swarm-utils.clean.exec.timeout', `1000; ${marker.command}`],
      ['swarm-utils.clean.image.keep', `$(${marker.command})`],
      ['swarm-utils.clean.image.min-age', `0; ${marker.command}`],
      ['swarm-utils.clean.image.timeout', `1000 && ${marker.command}`],
    ] as const) {
      await scene.label('worker-2', { [label]: value });
      const answer = await session.withoutEffect(() => scene.clean('worker-2'));
      assert.deepEqual([answer.status, answer.body.error.code], [422, 'label_fault'], label);
      const { body } = await api.get('/api/nodes', secrets.adminToken);
      const { faults } = body.nodes.find(({ name }: { name: string }) => name === 'worker-2');
      assert.deepEqual(
        faults.map((fault: { label: string }) => fault.label),
        [label],
      );
      await scene.unlabel('worker-2');
    }
    // Names and labels of containers are listed and go into no command.
    const forged = `x"]\n["${'f'.repeat(64)}","forged","","","",""]\n$(${marker.command})`;
    await scene.docker(
      other,
      ...['run', '--name', 'forger', '--label', `swarm-utils.helper=${forged}`],
      ...['--label', `com.docker.swarm.service.id=${forged}`, session.lab.images.runner, 'true'],
    );
    const answer = await scene.clean('worker-2');
    assert.equal(answer.status, 200, answer.text);
    assert.ok(
      (await scene.containers(other)).includes('forger'),
      'it says that it is a helper, and is young',
    );
    await scene.docker(other, 'rm', 'forger');
    await marker.assertAbsent();
  });

  test('a clean is an operation like any other: events, history, lock, explanation', async () => {
    const { api, secrets } = session.deployment;
    const { adminToken } = secrets;
    const started = await scene.clean('worker-1', { waitRes: false });
    assert.equal(started.status, 202);
    const busy = await scene.clean('worker-1');
    assert.deepEqual([busy.status, busy.body.error?.code], [409, 'busy'], busy.text);
    const events = await api.get(`/api/operations/${started.body.id}/events`, adminToken);
    assert.match(events.text, /event: step[\s\S]*"name":"images"[\s\S]*event: finished/);
    const known = await api.get(`/api/operations?nodeName=worker-1&limit=2`, adminToken);
    assert.ok(known.body.operations.some(({ id }: { id: string }) => id === started.body.id));
    const explain = (body: object) => api.post('/api/explain', { action: 'clean', ...body }, adminToken);
    assert.equal((await explain({ nodeName: 'worker-1' })).body.allowed, true);
    await scene.label('worker-1', { 'swarm-utils.clean.enable': 'false' });
    const disabled = await explain({ nodeName: 'worker-1' });
    assert.deepEqual([disabled.body.allowed, disabled.body.reason], [false, 'action_not_enabled']);
    assert.equal((await scene.clean('worker-1')).status, 422);
    await scene.unlabel('worker-1');
  });

  test('a node that takes no tasks is told so, and nothing was done', async () => {
    for (const availability of ['drain', 'pause']) {
      await session.docker('node', 'update', '--availability', availability, 'worker-2');
      const answer = await scene.clean('worker-2');
      assert.deepEqual([answer.status, answer.body.error.code], [424, 'node_unavailable']);
      assert.match(
        answer.body.error.message,
        new RegExp(`availability of worker-2 is ${availability}.*nothing was cleaned`),
      );
      assert.deepEqual(answer.body.steps, []);
    }
    await session.docker('node', 'update', '--availability', 'active', 'worker-2');
    await other.kill();
    try {
      await session.until(
        'the swarm sees that it is down',
        async () =>
          (await session.docker('node', 'inspect', '--format', '{{.Status.State}}', 'worker-2')).trim() ===
          'down',
        60_000,
      );
      const down = await scene.clean('worker-2');
      assert.deepEqual([down.status, down.body.error.code], [424, 'node_unavailable'], down.text);
      // Others are cleaned meanwhile, one by one or by one call.
      assert.equal((await scene.clean('worker-1')).status, 200);
      await scene.docker(worker, 'run', '--name', 'left-over', session.lab.images.runner, 'true');
      const { api, secrets } = session.deployment;
      const all = await api.post('/api/clean/nodes', {}, secrets.adminToken);
      assert.equal(all.status, 200, all.text);
      assert.deepEqual(
        all.body.operations.map(({ target, status }: Answer['body']) => `${target.name} ${status}`).sort(),
        ['manager-1 succeeded', 'worker-1 succeeded'],
      );
      assert.deepEqual(all.body.skipped, [{ nodeName: 'worker-2', reason: 'The node is down.' }]);
      assert.ok(!(await scene.containers(worker)).includes('left-over'));
    } finally {
      await other.start();
    }
    await session.until(
      'it is back',
      async () => (await scene.clean('worker-2', { dryRun: true })).status === 200,
      60_000,
    );
  });
});
