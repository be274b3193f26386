import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { flavourName, flavours } from './flavours.ts';
import { connectLab, type Lab, startLab, stopLab } from './lab.ts';
import { namespacePath } from './network.ts';
import { processesInNamespace } from './processes.ts';
import { tracesOf } from './traces.ts';

// Of its own: a person's lab, and the one that the other tests share, are left alone.
const instance = 9;
const neighbour = 8;
const shape = { instance, nodes: 2, managers: 1 };

describe('a lab', { timeout: 300_000 }, () => {
  let lab: Lab;
  before(async () => {
    await stopLab(instance);
    await stopLab(neighbour);
    lab = await startLab(shape);
  });
  after(async () => {
    await stopLab(instance);
    await stopLab(neighbour);
  });

  test('is a swarm of separate hosts', async () => {
    assert.deepEqual(
      lab.nodes.map(({ name, role, address }) => [name, role, address]),
      [
        ['manager-1', 'manager', '10.77.9.1'],
        ['worker-1', 'worker', '10.77.9.2'],
      ],
    );
    const { stdout } = await lab.manager.docker([
      'node',
      'ls',
      '--format',
      '{{.ID}} {{.Hostname}} {{.Status}}',
    ]);
    for (const node of lab.nodes) {
      assert.match(stdout, new RegExp(`${node.swarmNodeId} ${node.name} Ready`));
    }
  });

  test('is taken as it is by a second up, and refused in another shape', async () => {
    const again = await startLab(shape);
    assert.deepEqual(nodeIds(again), nodeIds(lab));
    await assert.rejects(startLab({ ...shape, nodes: 3 }), { code: 'other-shape' });
    assert.deepEqual(nodeIds(await connectLab(instance)), nodeIds(lab));
  });

  test('says what its Engine is, and runs that on every node', async () => {
    const { engine, store, version, apiVersion } = lab.engine;
    for (const node of lab.nodes) {
      const said = await node.engine().version();
      assert.deepEqual([said.Version, said.ApiVersion], [version, apiVersion]);
      const { stdout } = await node.docker(['version', '--format', '{{.Client.Version}}']);
      assert.equal(stdout.trim(), version, 'its client is of the same release');
    }
    const other = flavours.find(flavour => flavourName(flavour) !== flavourName({ engine, store }));
    await assert.rejects(startLab({ ...shape, flavour: other }), { code: 'other-shape' });
  });

  test('has the clients of other Engines, for helpers that are older or newer than their nodes', async () => {
    const other = lab.engine.engine === '20' ? '26' : '20';
    const socket = 'type=bind,source=/var/run/docker.sock,target=/var/run/docker.sock';
    const clientOf = async (image: string) => {
      const ask = ['version', '--format', '{{.Client.Version}} {{.Server.Version}}'];
      const { stdout, stderr } = await lab.manager.docker(['run', '--rm', '--mount', socket, image, ...ask]);
      assert.ok(stdout.trim().endsWith(` ${lab.engine.version}`), stderr);
      return stdout.split('.')[0];
    };
    const own = await clientOf(lab.images.dockerCli);
    assert.equal(own, lab.engine.version.split('.')[0]);
    assert.equal(await clientOf(await lab.dockerCliOf(other)), other);
  });

  test('has application images that do what their names say', async () => {
    const { app, privateApp } = lab.images;
    const { username, password, address } = lab.privateRegistry;
    await createService(lab, 'good', ['--network', await overlay(lab), app['1']]);
    await createService(lab, 'crash', ['--restart-condition', 'none', app.crash]);
    await createService(lab, 'unhealthy', ['--restart-condition', 'none', app.unhealthy]);
    await createService(lab, 'slow', [app.slow]);
    await createService(lab, 'refused', ['--restart-condition', 'none', privateApp['1']]);
    await lab.manager.docker(['login', '--username', username, '--password-stdin', address], {
      input: password,
    });
    await createService(lab, 'private', ['--with-registry-auth', privateApp['2']]);

    assert.match(await task(lab, 'good', /Running|Failed/), /Running/);
    assert.doesNotMatch(await task(lab, 'slow', /./), /Running/);
    assert.match(await task(lab, 'crash', /Failed|Complete/), /Failed.*non-zero exit \(1\)/);
    assert.match(await task(lab, 'unhealthy', /Failed|Complete/), /Failed.*unhealthy container/);
    assert.match(
      await task(lab, 'refused', /Rejected|Running/),
      /Rejected.*(No such image|no basic auth credentials)/,
    );
    assert.match(await task(lab, 'private', /Running|Rejected/), /Running/);
    assert.match(await task(lab, 'slow', /Running|Failed/), /Running/);
    const logs = await lab.manager.docker(['service', 'logs', '--raw', 'crash']);
    assert.match(logs.stdout, /reading the configuration/);
    assert.match(logs.stderr, /FATAL cannot reach the database/);

    // The runner, on another network stack than the task, finds it by its name.
    const run = [
      'run',
      '--rm',
      '--network',
      'lab-test',
      lab.images.runner,
      'curl',
      '-sS',
      'http://good:8080/',
    ];
    assert.equal((await lab.manager.docker(run)).stdout, 'app 1\n');
  });

  test('gives a helper on a node the socket of that node', async () => {
    for (const { name } of lab.nodes) {
      const mount = 'type=bind,source=/var/run/docker.sock,target=/var/run/docker.sock';
      await createService(lab, `ask-${name}`, [
        ...['--restart-condition', 'none', '--constraint', `node.hostname==${name}`, '--mount', mount],
        ...[lab.images.dockerCli, 'info', '--format', '{{.Name}}'],
      ]);
      assert.match(await task(lab, `ask-${name}`, /Complete|Failed|Rejected/), /Complete/);
      const { stdout } = await lab.manager.docker(['service', 'logs', '--raw', `ask-${name}`]);
      assert.equal(stdout.trim(), name);
    }
  });

  test('has registries whose tags move, and whose indexes can be deployed', async () => {
    const { registry, privateRegistry } = lab;
    const first = await registry.tag('app:1', 'shop/web:live');
    assert.notEqual(await registry.tag('app:2', 'shop/web:live'), first);
    assert.equal(await registry.digest('shop/web:live'), await registry.digest('app:2'));
    assert.equal(await privateRegistry.tag('app:1', 'shop/web:live'), first);
    const index = await registry.tagIndex('app:3', 'shop/web:multi');
    assert.notEqual(index, await registry.digest('app:3'));
    assert.equal(await registry.tag('shop/web:multi', 'blog/web:multi'), index);
    await createService(lab, 'index', [registry.reference(`blog/web:multi@${index}`)]);
    assert.match(await task(lab, 'index', /Running|Rejected/), /Running/);
    await assert.rejects(registry.digest('shop/web:none'), { code: 'image-failed' });

    await registry.stop();
    assert.equal(await registry.isRunning(), false);
    await assert.rejects(registry.digest('app:1'), { code: 'registry-failed' });
    await registry.start();
    assert.equal(await registry.digest('app:1'), first);
  });

  test('is as after its start when reset', async () => {
    await lab.manager.docker(['config', 'create', 'left', '-'], { input: 'x' });
    await lab.manager.docker(['volume', 'create', 'left']);
    await lab.manager.docker(['node', 'update', '--label-add', 'left=1', 'worker-1']);
    await lab.manager.docker(['run', '--detach', lab.images.app['1']]);
    await lab.reset();
    for (const list of [
      ['service', 'ls', '--quiet'],
      ['config', 'ls', '--quiet'],
      ['ps', '--all', '--quiet'],
      ['volume', 'ls', '--quiet'],
      ['network', 'ls', '--quiet', '--filter', 'name=lab-test'],
      ['node', 'ls', '--quiet', '--filter', 'node.label=left'],
    ]) {
      assert.equal((await lab.manager.docker(list)).stdout, '', list.join(' '));
    }
  });

  test('has nodes that crash and boot, hang, and lose the network', async () => {
    const [, worker] = lab.nodes;
    assert.ok(worker);
    await createService(lab, 'held', ['--constraint', 'node.role==worker', lab.images.app['1']]);
    await task(lab, 'held', /Running/);
    await worker.kill();
    assert.equal(await worker.isRunning(), false);
    assert.deepEqual(await processesInNamespace(namespacePath(`swarm-lab-${instance}-worker-1`)), []);
    await worker.start();
    assert.equal(await worker.isRunning(), true);

    await worker.createSmallVolume('tight', 1024 * 1024);
    const fill = ['run', '--rm', '--mount', 'source=tight,target=/data', lab.images.app['1']];
    const filled = await worker.docker([
      ...fill,
      'dd',
      'if=/dev/zero',
      'of=/data/file',
      'bs=64k',
      'count=32',
    ]);
    assert.match(filled.stderr, /No space left on device/);

    await worker.pauseDaemon();
    assert.equal(await worker.isRunning(), false);
    await worker.resumeDaemon();
    assert.equal(await worker.isRunning(), true);

    assert.equal(await answers(worker.address), true);
    await worker.setLink('down');
    assert.equal(await answers(worker.address), false);
    await worker.setLink('up');
    assert.equal(await answers(worker.address), true);
  });

  test('is mended by an up after all its daemons were killed', async () => {
    await Promise.all([
      lab.registry.stop(),
      lab.privateRegistry.stop(),
      ...lab.nodes.map(node => node.kill()),
    ]);
    const mended = await startLab(shape);
    assert.deepEqual(nodeIds(mended), nodeIds(lab));
    assert.equal(await mended.registry.isRunning(), true);
  });

  test('leaves another instance beside it alone', async () => {
    const other = await startLab({ instance: neighbour, nodes: 1, managers: 1 });
    await other.stop();
    assert.deepEqual(tracesOf(neighbour), []);
    assert.equal(await lab.manager.isRunning(), true);
  });

  test('leaves nothing behind, with work on it and a daemon killed', async () => {
    await createService(lab, 'busy', ['--mode', 'global', lab.images.app['1']]);
    await task(lab, 'busy', /Running/);
    await lab.nodes[1]?.kill();
    assert.notDeepEqual(tracesOf(instance), []);
    await lab.stop();
    assert.deepEqual(tracesOf(instance), []);
    await lab.stop();
    await assert.rejects(connectLab(instance), { code: 'not-running' });
  });

  test('comes up and goes down whole after an up that was killed on its way', async () => {
    for (const patienceMs of [250, 500, 750, 1000]) {
      const up = command('up', '--nodes', '2');
      await sleep(patienceMs);
      up.kill('SIGKILL');
      await once(up, 'exit');
      if (patienceMs % 500 === 0) {
        await startLab(shape);
      }
      await stopLab(instance);
      assert.deepEqual(tracesOf(instance), [], `killed after ${patienceMs} ms`);
    }
  });

  test('is one lab when two start it at once', async () => {
    const ups = [command('up', '--nodes', '1'), command('up', '--nodes', '1')];
    const exits = await Promise.all(ups.map(up => once(up, 'exit')));
    assert.deepEqual(
      exits.map(([exitCode]) => exitCode),
      [0, 0],
    );
    assert.equal((await connectLab(instance)).nodes.length, 1);
    const downs = [command('down'), command('down')];
    await Promise.all(downs.map(down => once(down, 'exit')));
    assert.deepEqual(tracesOf(instance), []);
  });
});

function nodeIds(lab: Lab): string[] {
  return lab.nodes.map(node => node.swarmNodeId);
}

function command(...args: readonly string[]) {
  const main = join(import.meta.dirname, 'main.ts');
  return spawn(process.execPath, [main, ...args, '--instance', String(instance)], { stdio: 'ignore' });
}

async function overlay(lab: Lab): Promise<string> {
  await lab.manager.docker(['network', 'create', '--driver', 'overlay', '--attachable', 'lab-test']);
  return 'lab-test';
}

/** Without a virtual IP, for which this machine's kernel may lack IPVS. */
async function createService(lab: Lab, name: string, args: readonly string[]): Promise<void> {
  const fixed = ['service', 'create', '--quiet', '--detach', '--endpoint-mode', 'dnsrr', '--name', name];
  const { exitCode, stderr } = await lab.manager.docker([...fixed, ...args]);
  assert.equal(exitCode, 0, stderr);
}

/** State and error of the service's newest task once they match. */
async function task(lab: Lab, service: string, wanted: RegExp): Promise<string> {
  const list = ['service', 'ps', '--no-trunc', '--format', '{{.CurrentState}} {{.Error}}', service];
  for (let attempt = 0; attempt < 200; attempt++) {
    const [newest = ''] = (await lab.manager.docker(list)).stdout.split('\n');
    if (wanted.test(newest)) {
      return newest;
    }
    await sleep(100);
  }
  return assert.fail(`${service} has not been ${wanted} within 20 s`);
}

/** Whether the node's swarm port is reached from this machine within half a second. */
async function answers(address: string): Promise<boolean> {
  const socket = connect({ host: address, port: 7946, timeout: 500 });
  try {
    await Promise.race([once(socket, 'connect'), once(socket, 'timeout').then(() => Promise.reject())]);
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
