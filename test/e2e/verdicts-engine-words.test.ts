import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createDockerodeSwarm } from '../../src/engine/dockerode.ts';
import { readErrorAnswer } from '../../src/engine/engine-error.ts';
import type { SwarmError } from '../../src/engine/swarm.ts';
import type { LabNode } from '../lab/lab-node.ts';
import { askEngine, type EngineAnswer } from './raw-engine.ts';
import { openSession, type Session } from './session.ts';

/** Of which two are more than the swarm stores in one change. */
const LARGE_LABEL = 'x'.repeat(900 * 1024);

describe('the words of this Engine', { timeout: 300_000 }, () => {
  let session: Session;
  before(async () => {
    session = await openSession();
  });
  after(() => session.close());

  const worker = (): LabNode => session.lab.nodes[1] ?? assert.fail();
  const read = ({ status, body }: EngineAnswer): SwarmError => readErrorAnswer('GET /', status, body);
  const ask = (node: LabNode, method: string, path: string, body?: object) =>
    askEngine(node.socketPath, method, path, body && JSON.stringify(body));

  test('say that somebody else wrote a service, that there is none, and that its name is taken', async () => {
    await session.create('taken');
    const { Spec, ID, Version } = JSON.parse(
      String((await ask(session.lab.manager, 'GET', '/services/taken')).body),
    );
    const stale = `/services/${ID}/update?version=${Version.Index - 1}`;
    assert.equal(read(await ask(session.lab.manager, 'POST', stale, Spec)).code, 'out_of_sequence');
    assert.equal(
      read(await ask(session.lab.manager, 'POST', '/services/create', Spec)).code,
      'name_conflict',
    );
    assert.equal(read(await ask(session.lab.manager, 'GET', '/services/gone')).code, 'not_found');
    assert.equal(read(await ask(session.lab.manager, 'DELETE', '/secrets/gone')).code, 'not_found');
    assert.equal(read(await ask(session.lab.manager, 'GET', '/nowhere')).code, 'unavailable');
  });

  test('say that it does not speak a version', async () => {
    for (const version of ['1.99', '1.0']) {
      const answer = await ask(session.lab.manager, 'GET', `/v${version}/nodes`);
      assert.equal((read(answer).cause as { kind?: string }).kind, 'version_refused', String(answer.body));
    }
  });

  test('say that it is no manager, and that its swarm has no leader', async () => {
    assert.equal(read(await ask(worker(), 'GET', '/nodes')).reason, 'not_a_manager');
    const { lab, docker, until } = session;
    await docker('node', 'promote', worker().name);
    const swarm = createDockerodeSwarm({ host: `unix://${lab.manager.socketPath}` });
    try {
      await until('there are two managers', async () => {
        const { stdout } = await lab.manager.docker(['node', 'ls', '--format', '{{.ManagerStatus}}']);
        return /Reachable/.test(stdout);
      });
      await worker().pauseDaemon();
      const reasons = new Set<string>();
      await until(
        'there is no leader',
        async () => {
          const error = await swarm.listNodes().then(
            () => undefined,
            (reason: SwarmError) => reason,
          );
          reasons.add(`${error?.code} ${error?.reason} ${error?.message}`);
          return error?.reason === 'no_leader';
        },
        60_000,
      );
      console.log([...reasons]);
      const notReady = await session.deployment.api.get('/readyz');
      assert.deepEqual([notReady.status, notReady.body.error.code], [503, 'no_leader']);
    } finally {
      await worker().resumeDaemon();
      await until(
        'there is a leader',
        () =>
          swarm.checkManager().then(
            () => true,
            () => false,
          ),
        60_000,
      );
      // The leader may still change; and the swarm takes its time, but no later test's stack must be put on that node.
      await until(
        'there is one manager',
        async () => {
          await lab.manager.docker(['node', 'demote', worker().name]);
          const { exitCode, stdout } = await lab.manager.docker([
            'node',
            'ls',
            '--format',
            '{{.ManagerStatus}}',
          ]);
          return exitCode === 0 && stdout.trim() === 'Leader';
        },
        90_000,
      );
    }
    await until('it is ready', async () => (await session.deployment.api.get('/readyz')).status === 200);
  });

  test('say that a spec is too large to be changed, which an update tells with what to do', async () => {
    const { lab } = session;
    await session.create('large');
    const path = '/services/large';
    const { Spec, ID, Version } = JSON.parse(String((await ask(lab.manager, 'GET', path)).body));
    const labels = { ...Spec.Labels, large: LARGE_LABEL };
    const update = `/services/${ID}/update?version=${Version.Index}`;
    const written = await ask(lab.manager, 'POST', update, { ...Spec, Labels: labels });
    assert.equal(written.status, 200, String(written.body));
    const before = await session.services.version('large');
    const { status, body } = await session.update('large', { image: lab.images.app['2'] });
    assert.deepEqual([status, body.error.code], [424, 'spec_too_large'], JSON.stringify(body));
    assert.match(body.error.message, /Make the labels of the service smaller/);
    assert.equal(await session.services.version('large'), before);
  });
});
