import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runScript } from '../../src/engine/steps/exec-scripts.ts';
import { createMarker } from './marker.ts';
import { openSession, type Session, serviceToken } from './session.ts';

/** Ways to have a text run by a shell, or to be taken for something else than a value. */
const injections = (command: string): readonly string[] => [
  `x$(${command})`,
  `x\`${command}\``,
  `x; ${command}`,
  `x && ${command}`,
  `x || ${command}`,
  `x | ${command}`,
  `x & ${command} &`,
  `x\n${command}\n`,
  `x\r\n${command}`,
  `x'; ${command}; '`,
  `x"; ${command}; "`,
  `x\\"; ${command}; \\"`,
  `$(${command.replaceAll(' ', '$' + '{IFS}')})`,
  `x\u0000; ${command}`,
  `--env-add=X=$(${command})`,
  '$SWARM_UTILS_ADMIN_TOKEN_LIST',
  '{{.Node.Hostname}}',
  '../../etc/passwd',
  '%24%28id%29',
];

describe('a text of a caller or of a label is a value, never code', { timeout: 180_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession({ SWARM_UTILS_LOCK_TIMEOUT: '20000' });
  });
  after(() => session.close());

  /** What runs in the container of swarm-utils, its health check aside. */
  const ownProcesses = async () => {
    const container = await session.deployment.containerId();
    const { Config } = await session.lab.manager.engine().getContainer(container).inspect();
    const check = (Config.Healthcheck?.Test ?? []).slice(1).join(' ');
    const [, ...lines] = (await session.docker('top', container, '-eo', 'pid,args')).trim().split('\n');
    return lines.map(line => line.trim().replace(/^\d+ +/, '')).filter(line => line !== check);
  };

  /** Fails if anything but the program itself ran in its container while the work was done. */
  const withoutProcesses = async (work: () => Promise<void>) => {
    let isOver = false;
    const seen = new Set<string>();
    const watching = (async () => {
      while (!isOver) {
        for (const line of await ownProcesses()) {
          seen.add(line);
        }
        await sleep(20);
      }
    })();
    const working = work().finally(() => {
      isOver = true;
    });
    await Promise.all([working, watching]);
    assert.deepEqual([...seen], ['node /app/main.js']);
  };

  test('in any field of a request, with any credential: refused, and nothing runs or changes', async () => {
    const marker = createMarker(session.lab);
    const { api, secrets } = session.deployment;
    await session.create('target');
    const credentials = [undefined, 'no-token-of-anyone', serviceToken, secrets.adminToken];
    await withoutProcesses(async () => {
      const changed = await session.changedBy(async () => {
        for (const text of injections(marker.command)) {
          const bodies = [
            { serviceName: text },
            { serviceName: 'target', image: text },
            { serviceName: 'target', token: text },
            { serviceName: 'target', nodeName: text },
            { serviceName: 'target', isForce: text },
            { serviceName: 'target', [text]: text },
          ];
          await Promise.all(
            bodies.flatMap(body =>
              credentials.map(async credential => {
                const { status } = await api.post('/api/update/service', body, credential);
                const isOwnToken = 'token' in body && credential !== undefined;
                const expected = isOwnToken ? [400, 401] : [400, 401, 404];
                assert.ok(
                  expected.includes(status),
                  `${status} for ${JSON.stringify(body)} as ${credential}`,
                );
              }),
            ),
          );
        }
      });
      assert.deepEqual(changed, []);
    });
    const { body } = await api.get('/api/operations', secrets.adminToken);
    assert.deepEqual(body.operations, []);
    await marker.assertAbsent();
  });

  test('in a path or a query: refused, and nothing runs', async () => {
    const marker = createMarker(session.lab);
    const { api, secrets } = session.deployment;
    await withoutProcesses(async () => {
      for (const text of injections(marker.command)) {
        const value = encodeURIComponent(text);
        for (const path of [`services/${value}`, `services?label=${value}`, `operations/${value}`]) {
          const { status } = await api.get(`/api/${path}`, secrets.adminToken);
          // A label that nobody has finds nothing.
          const isOk = status === 400 || status === 404 || (status === 200 && path.includes('?'));
          assert.ok(isOk, `${status} for ${path}`);
        }
      }
    });
    await marker.assertAbsent();
  });

  test('as a token that is made of shell code works as a token, and is not run', async () => {
    const marker = createMarker(session.lab);
    const { app } = session.lab.images;
    const token = `a"'$(${marker.command})\`${marker.command}\`; ${marker.command} #`;
    await session.create('quoted', { labels: { 'swarm-utils.update.token': token } });
    const body = { serviceName: 'quoted', image: app['2'], token };
    const { status, text } = await session.deployment.api.post('/api/update/service', body);
    assert.equal(status, 200, text);
    await session.waitForImages('quoted', app['2']);
    await marker.assertAbsent();
  });

  test('in a label that is no script: a fault or a value, and not run', async () => {
    const marker = createMarker(session.lab);
    const { images, privateRegistry } = session.lab;
    const code = `x$(${marker.command})`;
    await session.create('labelled', {
      labels: {
        'swarm-utils.update.image-allow': '*',
        'swarm-utils.update.registry.auth': 'true',
        'swarm-utils.update.registry.url': privateRegistry.address,
        'swarm-utils.update.registry.user': code,
        'swarm-utils.update.registry.password': `'; ${marker.command}; '`,
      },
    });
    await session.create('shelled', {
      labels: {
        'swarm-utils.update.exec-pre': 'true',
        'swarm-utils.update.exec-pre.shell': `/bin/sh -c '${marker.command}'`,
      },
    });
    await session.create('faulty', { labels: { 'swarm-utils.update.image': code } });
    await withoutProcesses(async () => {
      const [login, shell, fault] = await Promise.all([
        session.update('labelled', { image: privateRegistry.reference('app:2') }),
        session.update('shelled', { image: images.app['2'] }),
        session.update('faulty', { image: images.app['2'] }),
      ]);
      assert.deepEqual([login.status, login.body.error.code], [424, 'registry_unauthorized']);
      assert.deepEqual([shell.status, shell.body.error.code], [424, 'exec_failed']);
      assert.deepEqual([fault.status, fault.body.error.code], [422, 'label_fault']);
    });
    await marker.assertAbsent();
  });

  test("as a script of a label it is run by the shell in the target's own container, to the letter, and nowhere else", async () => {
    const marker = createMarker(session.lab);
    const { images, nodes } = session.lab;
    const { secrets } = session.deployment;
    const script = [
      'echo "user=[$POSTGRES_USER] admin=[$SWARM_UTILS_ADMIN_TOKEN_LIST$SWARM_UTILS_ADMIN_TOKEN_LIST_FILE]"',
      "echo 'single: $POSTGRES_USER `id` \"'",
      'echo "substituted: $(cat /etc/hostname) `cat /etc/hostname`"',
      'echo {{.Node.Hostname}} {{.Service.Name}} %s \\$HOME',
      `touch ${marker.path} && until [ -e /tmp/go ]; do sleep 0.1; done`,
    ].join('\n');
    await session.create('scripted', {
      args: ['--env', 'POSTGRES_USER=user-of-the-target', '--constraint', 'node.role==worker'],
      labels: { 'swarm-utils.update.exec-pre': script },
    });
    const [{ containerId } = assert.fail()] = await session.tasks('scripted');
    const updating = session.update('scripted', { image: images.app['2'] });
    await session.untilHeld('scripted');

    // While it runs: the helper has nothing of ours, and the text is one argument.
    const [helper = assert.fail()] = await session.helpers();
    const { Spec } = await session.lab.manager.engine().getService(helper).inspect();
    const { Command, Env, Args, Secrets } = Spec.TaskTemplate.ContainerSpec;
    assert.deepEqual(Command.slice(0, 5), ['/bin/sh', '-euc', runScript, 'sh', containerId]);
    assert.deepEqual(Command.slice(-3), ['/bin/sh', '-c', script]);
    assert.equal(Command.filter((argument: string) => argument.includes(marker.path)).length, 1);
    assert.deepEqual([Env, Args, Secrets], [undefined, undefined, undefined]);
    assert.ok(!JSON.stringify(Spec).includes(secrets.adminToken));
    for (const node of nodes) {
      for (const { Id, Image } of await node.engine().listContainers()) {
        const { exitCode } = await node.docker(['exec', Id, 'test', '-e', marker.path]);
        assert.equal(exitCode, Id === containerId ? 0 : 1, `${Image} on ${node.name}`);
      }
    }
    await session.release('scripted');

    const { status, body, text } = await updating;
    assert.equal(status, 200, text);
    const hostname = containerId.slice(0, 12);
    const [, pre] = body.steps;
    assert.deepEqual(pre.helper.tasks[0].logs, [
      'user=[user-of-the-target] admin=[]',
      'single: $POSTGRES_USER `id` "',
      `substituted: ${hostname} ${hostname}`,
      '{{.Node.Hostname}} {{.Service.Name}} %s $HOME',
    ]);
    assert.ok(!text.includes(secrets.adminToken));
    await marker.assertAbsent();
  });
});
