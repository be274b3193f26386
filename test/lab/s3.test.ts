import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { get as getPlain } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectLab, type Lab, startLab, stopLab } from './lab.ts';
import type { LabS3 } from './lab-s3.ts';
import { createS3Objects } from './s3-objects.ts';
import { tracesOf } from './traces.ts';

const instance = 8;
const bucket = 'lab-test';
const shape = { instance, nodes: 1, managers: 1 };
const day = 24 * 60 * 60 * 1000;

describe('the S3 of a lab', { timeout: 300_000 }, () => {
  let lab: Lab;
  let s3: LabS3;
  before(async () => {
    await stopLab(instance);
    lab = await startLab(shape);
    s3 = await lab.startS3();
    await s3.createBucket(bucket);
  });
  after(() => stopLab(instance));

  test('gives back what restic stores in it', async () => {
    const digest = await makeData(lab, 'restic-data');
    const restic = (args: readonly string[]) =>
      lab.manager.docker([
        ...['run', '--rm', '--hostname', 'lab', '--volume', 'restic-data:/data'],
        ...['--env', `AWS_ACCESS_KEY_ID=${s3.accessKey}`, '--env', `AWS_SECRET_ACCESS_KEY=${s3.secretKey}`],
        ...['--env', `RESTIC_REPOSITORY=s3:${s3.endpoint}/${bucket}/restic`, '--env', 'RESTIC_PASSWORD=lab'],
        ...[lab.images.restic, ...args],
      ]);
    for (const args of [
      ['init'],
      ['backup', '/data/file'],
      ['check', '--read-data'],
      ['restore', 'latest', '--target', '/data/restored'],
    ]) {
      const { exitCode, stderr } = await restic(args);
      assert.equal(exitCode, 0, stderr);
    }
    assert.equal(await digestIn(lab, 'restic-data', '/data/restored/data/file'), digest);
  });

  test('gives back what rclone sends in parts', async () => {
    const digest = await makeData(lab, 'rclone-data');
    const { exitCode, stderr } = await lab.manager.docker([
      ...['run', '--rm', '--volume', 'rclone-data:/data:ro'],
      ...Object.entries({
        TYPE: 's3',
        PROVIDER: 'Other',
        ENDPOINT: s3.endpoint,
        ACCESS_KEY_ID: s3.accessKey,
        SECRET_ACCESS_KEY: s3.secretKey,
      }).flatMap(([name, value]) => ['--env', `RCLONE_CONFIG_LAB_${name}=${value}`]),
      ...[lab.images.rclone, '--s3-upload-cutoff', '5M', '--s3-chunk-size', '5M'],
      ...['copyto', '/data/file', `lab:${bucket}/parts/file`],
    ]);
    assert.equal(exitCode, 0, stderr);
    const read = await s3.read(bucket, 'parts/file');
    assert.equal(createHash('sha256').update(read).digest('hex'), digest);
  });

  test('lists, reads, writes and removes objects, and makes them old', async () => {
    const content = randomBytes(1000);
    await s3.write(bucket, 'shop/one', content);
    await s3.write(bucket, 'shopping/two', 'two');
    assert.deepEqual(await s3.read(bucket, 'shop/one'), content);
    const tenDaysAgo = new Date(Date.now() - 10 * day);
    await s3.setLastModified(bucket, 'shop/one', tenDaysAgo);
    assert.deepEqual(await s3.list(bucket, 'shop/'), [
      { key: 'shop/one', size: 1000, lastModified: tenDaysAgo },
    ]);
    const [, two] = await s3.list(bucket, 'shop');
    assert.ok(two && Math.abs(two.lastModified.getTime() - Date.now()) < 10_000);
    await s3.remove(bucket, 'shop/one');
    assert.deepEqual(await s3.list(bucket, 'shop/'), []);
    await assert.rejects(s3.read(bucket, 'shop/one'), { code: 's3-failed' });
    await assert.rejects(s3.setLastModified(bucket, 'none', tenDaysAgo), { name: 'LabError' });
  });

  test('refuses wrong keys', async () => {
    for (const wrong of [{ secretKey: 'wrong' }, { accessKey: 'WRONG' }]) {
      const objects = createS3Objects(s3.endpoint, { ...s3, ...wrong });
      await assert.rejects(objects.list(bucket), /403/);
    }
  });

  test('speaks https to who trusts its certificate', async () => {
    const url = `https://${s3.httpsHost}/`;
    await assert.rejects(fetch(url), { message: 'fetch failed' });
    const ca = await readFile(s3.certificate);
    const [response] = await once(get(url, { ca, agent: false }), 'response');
    assert.equal(response.resume().statusCode, 200);
  });

  test('goes away, hangs, loses the network, and comes back with all it held', async () => {
    await s3.write(bucket, 'kept', 'kept');
    await s3.stop();
    assert.equal(await s3.isRunning(), false);
    assert.equal(await answer(s3), 'ECONNREFUSED');
    await s3.start();
    assert.equal(await answer(s3), 'answers');

    await s3.pause();
    assert.equal(await answer(s3), 'silence');
    await s3.resume();
    assert.equal(await answer(s3), 'answers');

    await s3.setLink('down');
    assert.equal(await answer(s3), 'silence');
    await s3.setLink('up');
    // The kernel asks for a neighbour that did not answer again after a second.
    assert.equal(await answer(s3, 5000), 'answers');
    assert.equal((await s3.read(bucket, 'kept')).toString(), 'kept');
  });

  test('is taken as it is by a second start, and mended', async () => {
    await s3.stop();
    await s3.setLink('down');
    const again = await (await connectLab(instance)).startS3();
    assert.equal(again.secretKey, s3.secretKey);
    assert.equal((await again.read(bucket, 'kept')).toString(), 'kept');
  });

  test('runs and is empty after a reset', async () => {
    await s3.pause();
    await lab.reset();
    assert.equal(await answer(s3), 'answers');
    await assert.rejects(s3.list(bucket), /directory not found/);
  });

  test('comes up whole after a start that was killed on its way, and leaves nothing behind', async () => {
    for (const patienceMs of [250, 500, 1000]) {
      await stopLab(instance);
      lab = await startLab(shape);
      const start = startInProcess();
      await sleep(patienceMs);
      start.kill('SIGKILL');
      await once(start, 'exit');
      if (patienceMs === 500) {
        s3 = await lab.startS3();
        await s3.createBucket(bucket);
        await s3.pause();
      }
      await lab.stop();
      assert.deepEqual(tracesOf(instance), [], `killed after ${patienceMs} ms`);
    }
  });
});

/** Puts a file of 20 MB into a volume and answers its digest. */
async function makeData(lab: Lab, volume: string): Promise<string> {
  const make = 'head -c 20000000 /dev/urandom >/data/file';
  const { exitCode, stderr } = await lab.manager.docker([
    ...['run', '--rm', '--volume', `${volume}:/data`, lab.images.runner, 'sh', '-c', make],
  ]);
  assert.equal(exitCode, 0, stderr);
  return digestIn(lab, volume, '/data/file');
}

async function digestIn(lab: Lab, volume: string, path: string): Promise<string> {
  const { stdout } = await lab.manager.docker([
    ...['run', '--rm', '--volume', `${volume}:/data`, lab.images.runner, 'sha256sum', path],
  ]);
  return stdout.split(' ')[0] ?? '';
}

/** What a new connection comes to within that time: `answers`, `silence` or the code of the error. */
async function answer({ endpoint }: LabS3, patienceMs = 700): Promise<string> {
  const request = getPlain(endpoint, { agent: false });
  try {
    const [response] = await once(request, 'response', { signal: AbortSignal.timeout(patienceMs) });
    response.resume();
    return 'answers';
  } catch (error) {
    const { name, code } = error as NodeJS.ErrnoException;
    return name === 'AbortError' ? 'silence' : (code ?? name);
  } finally {
    request.on('error', () => undefined).destroy();
  }
}

function startInProcess() {
  const module = JSON.stringify(join(import.meta.dirname, 'lab.ts'));
  const script = `const { connectLab } = await import(${module}); await (await connectLab(${instance})).startS3();`;
  return spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
}
